"""Puts a synthetic photo together: features, light, beard, hair and backdrop."""

import numpy as np

from maskarc.data.synthetic import features, light, shots
from maskarc.data.synthetic.canvas import smooth
from maskarc.opencv import cv2

# The edge of the hair in front of the ear, then behind it, at the image's right; the
# height of the lower end is added by its length.
_CURTAIN = np.array(
    [
        [0.96, -0.75, 0.62],
        [1.06, -0.10, 0.52],
        [1.10, 0.45, 0.56],
        [1.06, 0.60, 0.66],
        [1.00, 0.55, 0.80],
        [1.22, 0.50, 1.20],
        [1.26, 0.40, 1.30],
        [1.14, -0.60, 1.20],
    ]
)
_CURTAIN_END = np.array([0, 0, 0, 0.41, 0.75, 0.75, 0, 0])


def draw(scene: shots.Scene, backdrop: np.ndarray) -> np.ndarray:
    """The photo of a scene.

    Args:
      scene: with `Scene.size` S.
      backdrop: uint8[S, S, 3], what is behind the person.

    Returns:
      uint8[S, S, 3].
    """
    person, shot = scene.person, scene.shot
    *rgb, alpha = (
        p.astype(np.float32) for p in cv2.split(features.draw_features(scene))
    )
    lit = light.skin_light(scene)
    hair, hair_lit, texture = light.hair_light(scene)
    _add_curtains(hair, scene)
    hair *= np.float32(person.hair.opacity)
    lit += (hair_lit - lit) * hair
    skin, texture = 1 - hair, texture * hair
    behind = (1 - alpha / np.float32(255)) * skin
    beard = _beard(scene) * (alpha / 255) if any(person.beard) else None
    planes = []
    for plane, back, colour, key, ambient in zip(
        rgb,
        cv2.split(backdrop),
        person.hair.colour.astype(np.float32),
        shot.key.astype(np.float32),
        shot.ambient.astype(np.float32),
        strict=True,
    ):
        if beard is not None:
            plane += (np.float32(0.8) * colour - plane) * beard
        plane *= skin
        plane += texture * colour
        plane *= lit * key + ambient
        plane += back * behind
        planes.append(plane)
    return cv2.convertScaleAbs(cv2.merge(planes))


def _add_curtains(hair: np.ndarray, scene: shots.Scene) -> None:
    """Adds long hair in front of the ears to an opacity float32[size, size]."""
    style = scene.person.hair
    if style.length == 0:
        return
    curtain = _CURTAIN.copy()
    curtain[:, 1] += _CURTAIN_END * style.length
    curtain[5:, 0] += style.volume
    for side in (-1, 1):
        if scene.faces_away(side) < 0.2:  # not behind the face
            outline = scene.see(curtain * [side * scene.person.width, 1, 1])
            _fill(hair, smooth(outline, closed=True), 1.0)


def _beard(scene: shots.Scene) -> np.ndarray:
    """Opacity of the beard, float32[size, size]."""
    seen, (jaw, chin, lip) = scene.seen, scene.person.beard
    mask = np.zeros((scene.size, scene.size), np.float32)
    left, right, top, bottom = seen[[48, 54, 51, 57]]
    down = seen[8] - bottom
    cheek = [0.6 * seen[12] + 0.4 * right, right - 0.1 * down, top, left - 0.1 * down]
    cheek.append(0.6 * seen[4] + 0.4 * left)
    _fill(mask, np.concatenate([smooth(seen[1:16]), cheek]), jaw)
    _fill(mask, np.concatenate([seen[55:60], seen[6:11] + 0.08 * down]), chin)
    under_nose = seen[[31, 33, 35]] + 0.15 * (top - seen[33])
    _fill(mask, np.concatenate([under_nose, seen[54:47:-1]]), lip)
    _fill(mask, smooth(seen[48:60], closed=True), 0.0)
    return cv2.GaussianBlur(mask, (0, 0), 0.07 * scene.unit / shots.TICKS)


def _fill(mask: np.ndarray, points: np.ndarray, value: float) -> None:
    """Fills a polygon [N, 2], in ticks, of a mask of the photo's size."""
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], value, cv2.LINE_8, 5)
