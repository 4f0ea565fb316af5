"""The forms of drawn masks: how far each stands off the face.

A form takes sheet coordinates and the depth z of the draped sheet there (see
`surface`), and returns the depth of the mask, which is never behind the sheet. All are
in face units; smaller z is farther from the head.
"""

from collections.abc import Callable

import numpy as np

Form = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

# The higher, the sharper the line where a form leaves the sheet.
_SHARPNESS = 16.0


def sheet(u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """A flat cloth, which breath puffs up a little between nose and chin."""
    return _in_front(z, -0.66 + 0.80 * u**2 + 1.1 * (v - 0.98) ** 2)


def cup(u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """A moulded dome."""
    return _in_front(z, -0.92 + 0.98 * np.abs(u) ** 2.2 + 0.72 * (v - 0.95) ** 2)


def fold(u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Two halves that meet in a keel down the middle."""
    across = np.sqrt(u**2 + 0.04**2)
    return _in_front(z, -1.0 + 0.98 * across + 0.62 * (v - 0.97) ** 2)


def bill(u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Two halves that meet in a crease across, a duck's bill."""
    down = np.sqrt((v - 1.0) ** 2 + 0.03**2)
    side = np.maximum(np.abs(u) - 0.36, 0)
    return _in_front(z, -1.08 + 0.62 * down + 2.1 * side**2)


def respirator(u: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The stiff half mask of a respirator, with a blunt front."""
    down = np.maximum(np.abs(v - 0.95) - 0.25, 0)
    side = np.maximum(np.abs(u) - 0.25, 0)
    return _in_front(z, -0.95 + 1.15 * side**1.6 + 1.1 * down**1.6)


FORMS: dict[str, Form] = {
    "sheet": sheet,
    "cup": cup,
    "fold": fold,
    "bill": bill,
    "respirator": respirator,
}


def _in_front(z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The smaller of two depths, rounded where they cross."""
    k = _SHARPNESS
    return -np.logaddexp(-k * z, -k * other) / k
