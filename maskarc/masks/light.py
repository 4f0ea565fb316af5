"""How a face is lit, read from the skin that a mask leaves bare."""

import dataclasses

import numpy as np

# ITU-R BT.601 luma of RGB.
LUMA = np.array([0.299, 0.587, 0.114])
# Brightness of skin in an ordinary photo, for masks of which no other is known.
USUAL = 150.0
GAIN_RANGE = (0.6, 1.5)
# Lit masks stay below this, so that white ones keep their shading.
HIGHLIGHT = 250.0
# Of the brightness of points on the skin: above glasses, hair and shadow among them.
_PERCENTILE = 70


def _skin_weights() -> np.ndarray:
    """Rows float64[S, 68] that mix landmarks into points on bare skin."""

    def mix(**shares: float) -> np.ndarray:
        row = np.zeros(68)
        for name, share in shares.items():
            row[int(name[1:])] = share
        return row

    rows = [mix(p27=1.0), mix(p28=1.0), mix(p21=0.5, p22=0.5)]
    for t in (0.25, 0.5, 0.75):
        rows += [mix(p27=1 - t, p28=t), mix(p21=t, p27=1 - t), mix(p22=t, p27=1 - t)]
    # Below the eyes: from each lower lid a part of the way from lid to brow, downwards.
    for lid, brow in ((41, 18), (40, 20), (47, 23), (46, 25)):
        for t in (0.4, 0.7):
            rows.append(mix(**{f"p{lid}": 1 + t, f"p{brow}": -t}))
    # Temples: between the brow's end and the top of the jaw line.
    for brow, jaw in ((17, 0), (26, 16)):
        rows += [mix(**{f"p{brow}": 1 - t, f"p{jaw}": t}) for t in (0.3, 0.5, 0.7)]
    # Forehead: above the brows.
    for brow, lid in ((18, 37), (20, 38), (23, 43), (25, 44)):
        rows.append(mix(**{f"p{brow}": 1.6, f"p{lid}": -0.6}))
    return np.stack(rows)


_SKIN = _skin_weights()
# Rows of `_SKIN` below the eyes.
_LEFT_CHEEK, _RIGHT_CHEEK = slice(12, 16), slice(16, 20)


# Light from above and before the face, (x, y, z) as the photo has them.
_FROM_ABOVE = (0.0, -0.5, -0.85)
# How far uneven cheeks turn the light to the side, and the most of it.
_SIDEWAYS, _MOST_SIDEWAYS = 1.3, 0.9
# Channels of skin over its luma in even daylight: the median of 900 press photos.
_USUAL_SKIN = np.array([1.24, 0.94, 0.76])
# What share of a deviation from that is the light's colour, and its bounds.
_CAST, _MOST_CAST = 0.3, 0.12
# Skin whose channels differ by less than the first is grey, by more than the second
# in full colour.
_GREY, _COLOURED = 6.0, 16.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """The light on a face.

    Attributes:
      gain: float64[3], factors on a mask's RGB.
      direction: towards the light, (x right, y down, z away) in the photo.
      saturation: share in [0, 1] of its colour that a mask keeps; 0 in a grey photo.
    """

    gain: np.ndarray
    direction: tuple[float, float, float] = _FROM_ABOVE
    saturation: float = 1.0


EVEN = Light(gain=np.ones(3))


def read(image: np.ndarray, landmarks: np.ndarray, reference: float) -> Light:
    """Estimates the light on a face.

    Args:
      image: uint8[H, W, 3], RGB.
      landmarks: float[68, 2], (x, y) in pixels.
      reference: brightness of skin for which the mask's colours were made.

    Returns:
      The light; `EVEN` where fewer than half of the skin's points lie in the image.
    """
    points = np.rint(skin_points(landmarks)).astype(np.int64)
    height, width = image.shape[:2]
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    if inside.sum() * 2 < len(points):
        return EVEN
    x, y = np.where(inside[:, None], points, 0).T
    skin = image[y, x].astype(np.float64)
    luma = skin @ LUMA
    ranked = np.sort(luma[inside])
    brightness = max(1.0, float(ranked[len(ranked) * _PERCENTILE // 100]))
    # Skin proper: not the hair, glasses and shadows among the points.
    is_skin = inside & (luma > 0.6 * brightness) & (luma < 1.5 * brightness)
    colour = _middle(skin[is_skin]) if is_skin.any() else np.full(3, 128.0)
    spread = float(np.ptp(colour)) * 150 / max(brightness, 60.0)
    tint = colour / max(float(colour @ LUMA), 1.0) / _USUAL_SKIN
    cast = np.clip(np.maximum(tint, 0.1) ** _CAST, 1 - _MOST_CAST, 1 + _MOST_CAST)
    saturation = float(np.clip((spread - _GREY) / (_COLOURED - _GREY), 0, 1))
    cast = 1 + saturation * (cast / (cast @ LUMA) - 1)
    return Light(
        gain=gain(brightness, reference) * cast,
        direction=(_sideways(luma, inside, landmarks), *_FROM_ABOVE[1:]),
        saturation=saturation,
    )


def _middle(values: np.ndarray) -> np.ndarray:
    """The upper median [...] of values [N, ...]; np.median takes five times as long."""
    return np.sort(values, axis=0)[len(values) // 2]


def _sideways(luma: np.ndarray, inside: np.ndarray, landmarks: np.ndarray) -> float:
    """The light's x, from the brightness of the two cheeks."""
    left, right = (
        _middle(luma[cheek][inside[cheek]]) if inside[cheek].any() else None
        for cheek in (_LEFT_CHEEK, _RIGHT_CHEEK)
    )
    if left is None or right is None:
        return 0.0
    # A cheek that is turned away shows hair or background instead of skin.
    nose, eyes = landmarks[30], landmarks[[36, 45]]
    widths = np.linalg.norm(eyes - nose, axis=1)
    evenness = np.clip(2.5 * widths.min() / max(widths.max(), 1e-9) - 0.8, 0, 1)
    uneven = np.log((right + 8) / (left + 8))
    return float(
        np.clip(_SIDEWAYS * uneven * evenness, -_MOST_SIDEWAYS, _MOST_SIDEWAYS)
    )


def skin_points(landmarks: np.ndarray) -> np.ndarray:
    """Points float64[S, 2] on the bare skin around eyes and nose bridge."""
    return _SKIN @ landmarks


def skin_luminance(image: np.ndarray, landmarks: np.ndarray) -> float | None:
    """Brightness of the skin around the eyes.

    Args:
      image: uint8[H, W, 3], RGB.
      landmarks: float[68, 2], (x, y) in pixels.

    Returns:
      Luma in [1, 255], or None where fewer than half of the points lie in the image.
    """
    points = np.rint(skin_points(landmarks)).astype(np.int64)
    height, width = image.shape[:2]
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    if inside.sum() * 2 < len(points):
        return None
    x, y = points[inside].T
    brightness = np.sort(image[y, x] @ LUMA)
    return max(1.0, float(brightness[len(brightness) * _PERCENTILE // 100]))


def gain(face: float, reference: float) -> float:
    """The factor by which a mask's colours change between two skin brightnesses.

    The square root: a face may be brighter than another by its light or by its skin,
    and only the former changes the mask.
    """
    return float(np.clip(np.sqrt(face / reference), *GAIN_RANGE))
