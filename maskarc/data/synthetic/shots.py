"""The circumstances of one synthetic photo, and where they put the face's points."""

import dataclasses

import numpy as np

from maskarc import geometry
from maskarc.data.synthetic import people, shape
from maskarc.landmarks import layouts

# Drawing is done in ticks, whole fractions of a photo's pixel. Tick 0 is the centre of
# pixel 0.
TICKS = 32

# The head turns about this point, which a photo has near its middle.
PIVOT = np.array([0.0, 0.22, 0.75])

_UPPER_LIDS, _LOWER_LIDS = [37, 38, 43, 44], [41, 40, 47, 46]


def _expressions() -> np.ndarray:
    """Movements float64[6, 106, 3] of the face's points, each at full strength."""
    moves = np.zeros((6, len(shape.REST), 3))
    raised, frown, drawn, smile, grin, jaw = moves
    side = np.sign(shape.REST[:, 0])
    raised[17:27, 1] = -0.07
    frown[20:24, 1] = 0.03
    frown[20:24, 0] = -0.04 * side[20:24]
    # How near a point of the mouth is to a corner.
    mouth, half_width = shape.REST[shape.MOUTH], shape.REST[layouts.MOUTH_RIGHT, 0]
    corner = np.square(mouth[:, 0] / half_width)
    drawn[shape.MOUTH, 0] = 0.07 * corner * side[shape.MOUTH]
    drawn[shape.MOUTH, 1] = 0.025 - 0.10 * corner
    smile[shape.MOUTH, 2] = 0.05 * corner
    smile[[40, 41, 46, 47], 1] = -0.02
    # The jaw takes the lower lip and the chin along, not the skin before the ears.
    follows = np.clip((shape.REST[:, 1] - 0.62) / 0.75, 0, 1) * (shape.REST[:, 2] < 0.7)
    follows[shape.MOUTH] = 0
    follows[[55, 56, 57, 58, 59, 65, 66, 67]] = 0.9
    follows[[48, 54, 60, 64]] = 0.3
    grin[:, 1:] = 0.08 * follows[:, None] * [1, 0.2]
    jaw[:, 1:] = 0.26 * follows[:, None] * [1, 0.2]
    jaw[shape.MOUTH, 0] = -0.04 * corner * side[shape.MOUTH]
    return moves


_EXPRESSIONS = _expressions().reshape(6, -1)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """What differs between two photos of one person.

    Attributes:
      pose: of the head.
      scale: length of one head unit, as a share of the photo's side.
      shift: float64[2], of the head from the photo's middle, as a share of the side.
      smile: from −0.4, drawn down, to 1.
      mouth_open: 0 to 1.
      blink: 0, open, to 1, closed.
      brow_raise: −1, a frown, to 1.
      gaze: float64[2], of the irises from the eyes' centres, in head units.
      glasses: in [0, 1]; worn if below `people.Person.glasses`.
      light: float64[3], unit vector towards the light; z points away from the camera.
      key: float64[3], RGB factors of the light.
      ambient: float64[3], RGB factors of the light that comes from everywhere.
      clothes: float64[3], RGB, 0..255.
    """

    pose: geometry.Pose
    scale: float
    shift: np.ndarray
    smile: float
    mouth_open: float
    blink: float
    brow_raise: float
    gaze: np.ndarray
    glasses: float
    light: np.ndarray
    key: np.ndarray
    ambient: np.ndarray
    clothes: np.ndarray


def sample_shot(rng: np.random.Generator) -> Shot:
    """Draws the circumstances of one photo."""
    normal, uniform = rng.standard_normal(14), rng.random(8)
    light = np.array([0.55 * normal[0], -0.5 + 0.4 * normal[1], -0.8])
    warmth = np.array([1.0, 0.1, -1.0])
    soft = 0.3 + 0.4 * uniform[0]
    exposure = np.exp(0.17 * normal[2])
    return Shot(
        pose=geometry.Pose(
            yaw=min(max(0.27 * normal[3], -0.62), 0.62),
            pitch=min(max(0.13 * normal[4], -0.3), 0.3),
            roll=min(max(0.11 * normal[5], -0.35), 0.35),
        ),
        scale=0.228 * np.exp(0.06 * normal[6]),
        shift=0.02 * normal[7:9],
        smile=1.4 * uniform[1] - 0.4,
        mouth_open=max(0.0, 2.5 * uniform[2] - 1.6),
        blink=1.0 if uniform[3] < 0.04 else 0.4 * uniform[3] ** 3,
        brow_raise=min(max(0.2 + 0.45 * normal[9], -1.0), 1.0),
        gaze=0.03 * normal[10:12],
        glasses=uniform[4],
        light=light / np.sqrt(light @ light),
        key=exposure * (1.12 - soft) * (1 + 0.08 * normal[12] * warmth),
        ambient=exposure * soft * (1 + 0.08 * normal[13] * warmth),
        clothes=20 + 215 * uniform[5:8],
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A person before the camera, in scaled-orthographic projection.

    Attributes:
      person: who.
      shot: how.
      size: side of the photo in pixels.
      rotation: float64[3, 3], head frame to camera frame.
      unit: ticks of one head unit.
      centre: float64[2], where `PIVOT` appears, in ticks.
      points: float64[106, 3], the face with its expression, in the head frame.
      seen: float64[106, 2], the same in the photo, in ticks.
    """

    person: people.Person
    shot: Shot
    size: int
    rotation: np.ndarray = dataclasses.field(init=False)
    unit: float = dataclasses.field(init=False)
    centre: np.ndarray = dataclasses.field(init=False)
    points: np.ndarray = dataclasses.field(init=False)
    seen: np.ndarray = dataclasses.field(init=False)

    def __post_init__(self):
        shot, size = self.shot, self.size
        derived = {
            "rotation": shot.pose.rotation(),
            "unit": shot.scale * size * TICKS,
            "centre": ((size - 1) / 2 + shot.shift * size) * TICKS,
            "points": _express(self.person.points, shot),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "seen", self.see(self.points))

    def see(self, points: np.ndarray) -> np.ndarray:
        """Where points [N, 3] of the head appear, float64[N, 2] in ticks."""
        axes = self.rotation[:2] * self.unit
        return points @ axes.T + (self.centre - axes @ PIVOT)

    @property
    def landmarks(self) -> np.ndarray:
        """The 68 landmarks float32[68, 2], in pixels."""
        return (self.seen[:68] / TICKS).astype(np.float32)

    @property
    def down(self) -> np.ndarray:
        """One head unit down the photo, float64[2], in ticks."""
        return np.array([0.0, self.unit])

    @property
    def light(self) -> np.ndarray:
        """The unit vector towards the light, float64[3], in the head frame."""
        return self.shot.light @ self.rotation

    def faces_away(self, side: int) -> float:
        """How far a side of the head (−1 the image's left, 1) turns from the camera."""
        return self.rotation[2, 0] * side


def _express(points: np.ndarray, shot: Shot) -> np.ndarray:
    strengths = np.array(
        [
            shot.brow_raise,
            max(-shot.brow_raise, 0.0),
            shot.smile,
            max(shot.smile, 0.0),
            max(shot.smile - 0.3, 0.0),
            shot.mouth_open,
        ]
    )
    points = points + (strengths @ _EXPRESSIONS).reshape(-1, 3)
    lids = points[_LOWER_LIDS] - points[_UPPER_LIDS]
    points[_UPPER_LIDS] += 0.95 * shot.blink * lids
    return points
