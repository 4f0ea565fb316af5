"""Draws the features of a synthetic person, from the body to the glasses."""

import numpy as np

from maskarc.data.synthetic import shape, shots
from maskarc.data.synthetic.canvas import Canvas, smooth
from maskarc.landmarks import layouts
from maskarc.opencv import cv2

_DARK = np.array([36.0, 22.0, 20.0])
_EYE_WHITE = np.array([232.0, 226.0, 220.0])
_TEETH = np.array([236.0, 230.0, 218.0])
# Share of the skin's colour along the lower lid.
_LID = np.array([0.74, 0.66, 0.64])
_GLINT = np.array([250.0, 250.0, 250.0])

# First landmark of each eye; landmarks of each brow, outer end first.
_EYES = (36, 42)
_BROWS = ([17, 18, 19, 20, 21], [26, 25, 24, 23, 22])
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_NOSTRIL = np.column_stack([_CIRCLE * [0.055, 0.024] - [0, 0.02], np.full(24, -0.02)])
_SHOULDERS = np.array(
    [
        *([-2.6, 1.6], [-2.4, 0.75], [-1.5, 0.4], [-0.55, 0.1]),
        *([0.55, 0.1], [1.5, 0.4], [2.4, 0.75], [2.6, 1.6]),
    ]
)
# On the image's right: how the wing of the nose bulges beside the landmark at its foot,
# and the fold from there to the corner of the mouth.
_WING = np.array([[0.03, -0.14, 0.1], [0.05, -0.02, 0.02], [0, 0.02, 0]])
_FOLD = np.array([[0.06, -0.06, 0.08], [0.12, -0.02, 0.06], [0.08, 0.0, 0.05]])


def draw_features(scene: shots.Scene) -> np.ndarray:
    """All but light, beard and front hair: premultiplied RGBA uint8[size, size, 4]."""
    canvas = Canvas(scene.size)
    _draw_body(canvas, scene)
    _draw_head(canvas, scene)
    # From the far side to the near one: a turned nose stands before the far eye.
    far, near = (0, 1) if scene.faces_away(-1) > 0 else (1, 0)
    _draw_eye(canvas, scene, _EYES[far])
    ridge = [27, 28, 29, 30, shape.NOSE_SIDE[near]]
    canvas.fill(scene.seen[ridge], scene.person.skin)
    _draw_eye(canvas, scene, _EYES[near])
    _draw_nose(canvas, scene)
    _draw_mouth(canvas, scene)
    for brow in _BROWS:
        _draw_brow(canvas, scene, scene.seen[brow])
    if scene.shot.glasses < scene.person.glasses:
        _draw_glasses(canvas, scene)
    return canvas.reduced()


def _draw_body(canvas: Canvas, scene: shots.Scene) -> None:
    person, unit, clothes = scene.person, scene.unit, scene.shot.clothes
    left, right = scene.seen[list(shape.NECK)]
    top = (left + right) / 2
    if person.hair.length > 0:
        _draw_back_hair(canvas, scene, top)
    # The body keeps upright whatever the head does.
    base = top + scene.down
    side = np.array([0.64 * person.width * unit, 0])
    throat = base + 0.45 * scene.down
    canvas.fill(smooth(base + _SHOULDERS * unit), clothes)
    canvas.fill(np.stack([left, right, base + side, throat, base - side]), person.skin)
    collar = np.stack([base - side, throat, base + side])
    canvas.line(smooth(collar), 0.8 * clothes, 0.07 * unit)


def _draw_back_hair(canvas: Canvas, scene: shots.Scene, neck: np.ndarray) -> None:
    person = scene.person
    centre, radii = shape.SKULL
    end = 0.7 * person.hair.length - 0.35
    tail = np.array([[-1.15, end], [1.15, end]]) * [person.width, 1] * scene.unit
    outline = [_ellipse(scene, centre, radii + person.hair.volume), neck + tail]
    canvas.fill(_hull(outline), 0.6 * person.hair.colour)


def _draw_head(canvas: Canvas, scene: shots.Scene) -> None:
    seen, skin, unit = scene.seen, scene.person.skin, scene.unit
    # A turned head shows the near ear before the face, the far one behind it.
    near = [scene.faces_away(side) < -0.12 for side in (-1, 1)]
    ears = [seen[ear] for ear in shape.EAR]
    for ear, is_near in zip(ears, near, strict=True):
        if not is_near:
            _draw_ear(canvas, ear, skin, unit)
    face = [smooth(seen[layouts.JAW]), seen[17:68], *(seen[s] for s in shape.OUTLINE)]
    canvas.fill(_rounded(_hull([_ellipse(scene, *shape.SKULL), *face])), skin)
    for ear, is_near in zip(ears, near, strict=True):
        if is_near:
            _draw_ear(canvas, ear, skin, unit)
    spots = scene.person.spots
    for place, radius in zip(scene.see(spots[:, :3]), spots[:, 3], strict=True):
        canvas.disc(place, 0.62 * skin, radius * unit)


def _draw_ear(canvas: Canvas, ear: np.ndarray, skin: np.ndarray, unit: float) -> None:
    canvas.fill(smooth(ear, closed=True), 0.97 * skin)
    inner = 0.4 * ear.mean(axis=0) + 0.6 * ear[1:7]
    canvas.line(smooth(inner), 0.74 * skin, 0.05 * unit)


def _draw_nose(canvas: Canvas, scene: shots.Scene) -> None:
    points, skin, unit = scene.points, scene.person.skin, scene.unit
    fold_colour = skin * (0.9 - 0.1 * scene.person.age)
    for side, wing, base, corner in ((-1, 31, 32, 48), (1, 35, 34, 54)):
        foot, mouth, flip = points[wing], points[corner], [side, 1, 1]
        curve = points[[wing, wing, base]] + _WING * flip
        fold = np.stack([foot, (foot + mouth) / 2, mouth]) + _FOLD * flip
        nostril = 0.3 * foot + 0.7 * points[base] + _NOSTRIL
        seen = scene.see(np.concatenate([curve, fold, nostril]))
        canvas.line(smooth(seen[:3]), 0.72 * skin, 0.025 * unit)
        canvas.line(smooth(seen[3:6]), fold_colour, 0.03 * unit)
        canvas.fill(seen[6:], 0.34 * skin)
    canvas.line(smooth(scene.seen[31:36]), 0.76 * skin, 0.02 * unit)


def _draw_mouth(canvas: Canvas, scene: shots.Scene) -> None:
    seen, lips = scene.seen, scene.person.lips
    above, below = smooth(seen[48:55]), smooth(seen[[54, 55, 56, 57, 58, 59, 48]])
    upper, lower = smooth(seen[60:65]), smooth(seen[[64, 65, 66, 67, 60]])
    canvas.fill(np.concatenate([above, lower]), 0.86 * lips)
    canvas.fill(np.concatenate([upper, below]), lips)
    if scene.shot.mouth_open > 0.05 or scene.shot.smile > 0.5:
        opening = np.concatenate([upper, lower])
        with canvas.inside(opening):
            canvas.fill(opening, _DARK)
            teeth = [upper, upper[::-1] + 0.1 * scene.down]
            canvas.fill(np.concatenate(teeth), _TEETH)
    else:
        canvas.line(upper, 0.45 * lips, 0.022 * scene.unit)


def _draw_eye(canvas: Canvas, scene: shots.Scene, start: int) -> None:
    """Draws the eye whose landmarks begin at `start`."""
    person, shot, unit = scene.person, scene.shot, scene.unit
    seen, skin = scene.seen[start : start + 6], person.skin
    # Left corner, upper lid, right corner, lower lid.
    upper, lower = smooth(seen[:4]), smooth(seen[[3, 4, 5, 0]])
    middle = person.points[start : start + 6].mean(axis=0)
    iris = scene.see(np.add(middle, [*shot.gaze, -0.03])[None])[0]
    opening = np.concatenate([upper, lower])
    with canvas.inside(opening):
        canvas.fill(opening, _EYE_WHITE)
        canvas.disc(iris, 0.45 * person.iris, 0.132 * unit)
        canvas.disc(iris, person.iris, 0.112 * unit)
        canvas.disc(iris, _DARK, 0.05 * unit)
        glint = iris + 0.05 * unit * np.sign(shot.light[:2])
        canvas.disc(glint, _GLINT, 0.026 * unit)
        canvas.line(upper + 0.02 * scene.down, 0.55 * _EYE_WHITE, 0.035 * unit)
    canvas.line(lower, _LID * skin, 0.016 * unit)
    canvas.line(upper, _DARK, person.lash_height * unit)
    crease = upper[2:-2] - (0.075 - 0.03 * shot.blink) * scene.down
    canvas.line(crease, 0.8 * skin, 0.018 * unit)
    bag = lower[3:-3] + 0.11 * scene.down
    canvas.line(bag, (1 - 0.1 * person.age) * skin, 0.04 * unit)


def _draw_brow(canvas: Canvas, scene: shots.Scene, brow: np.ndarray) -> None:
    """Draws a brow around its landmarks, float64[5, 2], outer end first."""
    taper = np.array([[0, 0.07], [0, 0.38], [0, 0.5], [0, 0.5], [0, 0.4]])
    half = taper * scene.person.brow_height * scene.unit
    outline = [smooth(brow - half), smooth(brow + half)[::-1]]
    canvas.fill(np.concatenate(outline), scene.person.brows)


def _draw_glasses(canvas: Canvas, scene: shots.Scene) -> None:
    person, width = scene.person, 0.045 * scene.unit
    half_width, half_height, power = person.lens
    rim = np.sign(_CIRCLE) * np.abs(_CIRCLE) ** (2 / power)
    rim = np.column_stack([rim * [half_width, half_height], np.zeros(len(rim))])
    eyes, bridge = (layouts.LEFT_EYE, layouts.RIGHT_EYE), []
    for side, eye, temple in zip((-1, 1), eyes, (0, 16), strict=True):
        centre = np.add(person.points[eye].mean(axis=0), [0.03 * side, 0.04, -0.16])
        hinge = np.add(centre, [half_width * side, -0.05, 0])
        ear = np.add(person.points[temple], [0.04 * side, -0.25, 0.1])
        canvas.line(scene.see(centre + rim), person.frame, width, closed=True)
        if scene.faces_away(side) < 0.1:
            canvas.line(scene.see(np.stack([hinge, ear])), person.frame, width)
        bridge.append(centre - [half_width * side, 0.03, 0])
    canvas.line(scene.see(np.array(bridge)), person.frame, width)


def _ellipse(scene: shots.Scene, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The outline [24, 2] in the photo of an ellipsoid of the head."""
    # The image of a unit sphere under A is that of the unit circle under a root of AAᵀ.
    axes = scene.rotation[:2] * (radii * [scene.person.width, 1, 1]) * scene.unit
    return _CIRCLE @ np.linalg.cholesky(axes @ axes.T).T + scene.see(centre[None])


def _hull(outlines: list[np.ndarray]) -> np.ndarray:
    """The convex polygon [N, 2] around the points of outlines."""
    points = np.concatenate(outlines).astype(np.float32)
    return cv2.convexHull(points)[:, 0]


def _rounded(outline: np.ndarray) -> np.ndarray:
    """Cuts the corners of a closed polygon [N, 2], twice (Chaikin)."""
    for _ in range(2):
        ahead = 0.25 * (np.roll(outline, -1, axis=0) - outline)
        outline = np.stack([outline + ahead, outline + 3 * ahead], axis=1)
        outline = outline.reshape(-1, 2)
    return outline
