"""How brightly a face is lit, read from the skin that a mask leaves bare."""

import numpy as np

# ITU-R BT.601 luma of RGB.
LUMA = np.array([0.299, 0.587, 0.114])
# Brightness of skin in an ordinary photo, for masks of which no other is known.
USUAL = 150.0
GAIN_RANGE = (0.6, 1.5)
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
