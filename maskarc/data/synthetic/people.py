"""Who the synthetic people are: the lasting traits of each identity.

Shapes are in the frame of `layouts.MEAN_FACE`: x right, y down, z away from the
camera, origin between the eyes, the mean face's eye centres 1 apart.
"""

import dataclasses
import functools

import numpy as np

from maskarc.data.synthetic import hair, shape

# Human skin, lips' red, irises and frames; RGB, 0..255.
_SKIN = np.array(
    [
        [245, 212, 190],
        [233, 194, 166],
        [222, 178, 145],
        [203, 155, 120],
        [176, 125, 90],
        [145, 98, 68],
        [112, 74, 52],
        [84, 56, 42],
    ]
)
_IRIS = np.array(
    [
        [66, 40, 24],
        [92, 58, 32],
        [120, 88, 46],
        [104, 116, 72],
        [84, 124, 150],
        [108, 132, 148],
        [60, 100, 160],
    ]
)
_LIPSTICK = np.array([186, 60, 74])
_FRAMES = np.array(
    [[24, 22, 24], [90, 50, 28], [150, 148, 150], [120, 30, 36], [40, 60, 100]],
    np.float64,
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """The lasting traits of one synthetic identity. Colours are float64[3], 0..255.

    Attributes:
      points: float64[106, 3], the face at rest: the 68 landmarks, then the points of
        `shape`.
      width: factor of the head's width.
      skin, lips, brows, iris: colours.
      brow_height: thickness of a brow, in head units.
      lash_height: thickness of the upper lid's line, in head units.
      hair: its style.
      beard: opacity 0..1 of the beard on (cheeks and jaw, chin, upper lip).
      spots: float64[M, 4], moles and freckles: x, y, z, radius.
      age: depth of the folds, 0..1.
      glasses: chance that a photo shows them.
      frame: colour of the glasses.
      lens: float64[3], half width, half height, exponent of the lens's superellipse.
    """

    points: np.ndarray
    width: float
    skin: np.ndarray
    lips: np.ndarray
    brows: np.ndarray
    iris: np.ndarray
    brow_height: float
    lash_height: float
    hair: hair.Hair
    beard: tuple[float, float, float]
    spots: np.ndarray
    age: float
    glasses: float
    frame: np.ndarray
    lens: np.ndarray


@functools.lru_cache(maxsize=4096)
def create_person(seed: int, identity: int) -> Person:
    """Draws the traits of an identity; equal arguments give equal people."""
    # Photos use (seed, identity, 1 + photo).
    rng = np.random.default_rng((seed, identity, 0))
    woman = bool(rng.random() < 0.5)
    depth = rng.beta(1.1, 1.4)  # of the skin, 0 the lightest
    skin = _along(_SKIN, depth) * rng.normal(1.0, (0.03, 0.035, 0.05))
    points, width = shape.create_face(rng, woman)
    style = hair.create_hair(rng, woman, depth)
    return Person(
        points=points,
        width=width,
        skin=np.clip(skin, 20, 252),
        lips=_lips(rng, woman, skin),
        brows=0.56 * style.colour + 0.1 * skin,
        iris=_iris(rng, depth),
        brow_height=rng.uniform(0.05, 0.10) if woman else rng.uniform(0.08, 0.15),
        lash_height=rng.uniform(0.03, 0.05) if woman else rng.uniform(0.018, 0.03),
        hair=style,
        beard=(0.0, 0.0, 0.0) if woman else _beard(rng),
        spots=_spots(rng, depth),
        age=float(rng.beta(1.2, 2.0)),
        glasses=float(rng.choice([0.0, 0.0, 0.3, 0.8])),
        frame=_FRAMES[rng.integers(len(_FRAMES))],
        lens=rng.uniform((0.33, 0.22, 2.0), (0.41, 0.32, 5.0)),
    )


def _along(palette: np.ndarray, position: float) -> np.ndarray:
    """The colour at a position, 0 first to 1 last, of a palette [N, 3]."""
    place = position * (len(palette) - 1)
    return np.array([np.interp(place, range(len(palette)), c) for c in palette.T])


def _lips(rng: np.random.Generator, woman: bool, skin: np.ndarray) -> np.ndarray:
    red = _LIPSTICK * rng.normal(1.0, (0.1, 0.25, 0.2))
    paint = 0.1 + 0.6 * rng.random() ** 2 if woman else 0.05
    return np.clip((1 - paint) * skin * [0.92, 0.72, 0.71] + paint * red, 20, 250)


def _iris(rng: np.random.Generator, depth: float) -> np.ndarray:
    brown = depth > 0.45 or rng.random() < 0.3
    colour = _along(_IRIS, rng.uniform(0, 0.3) if brown else rng.uniform(0.2, 1))
    return np.clip(colour * rng.normal(1, 0.1), 15, 240)


def _beard(rng: np.random.Generator) -> tuple[float, float, float]:
    full, part = rng.uniform(0.55, 0.95, 2)
    stubble = rng.uniform(0.12, 0.4)
    kinds = (
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (stubble, stubble, stubble),
        (stubble, part, part),
        (full, full, full),
        (0.0, part, part),
        (0.0, 0.0, part),
    )
    return kinds[rng.integers(len(kinds))]


def _spots(rng: np.random.Generator, depth: float) -> np.ndarray:
    moles = rng.integers(0, 4)
    freckles = rng.integers(14, 30) if rng.random() < 0.2 * (1 - depth) else 0
    places = np.concatenate(
        [
            rng.uniform((-0.6, -0.6), (0.6, 1.3), (moles, 2)),
            rng.uniform((-0.6, 0.1), (0.6, 0.6), (freckles, 2)),
        ]
    )
    radius = np.where(np.arange(len(places)) < moles, rng.uniform(0.022, 0.04), 0.014)
    centre, radii = shape.FACE
    flat = (((places - centre[:2]) / radii[:2]) ** 2).sum(axis=1)
    depths = centre[2] - radii[2] * np.sqrt(np.maximum(1 - flat, 0.05))
    return np.column_stack([places, depths, radius])
