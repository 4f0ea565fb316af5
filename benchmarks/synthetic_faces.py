"""How far one gets on the synthetic faces without learning, and how fast they are.

    python -m benchmarks.synthetic_faces

Scores cosines of simple descriptors on pairs of people, as `docs/synthetic_faces.md`
quotes them, and times the drawing on one thread.
"""

import time

import cv2
import numpy as np

from maskarc import alignment, geometry
from maskarc.data import synthetic
from maskarc.evaluation import verification
from maskarc.landmarks import layouts

PEOPLE, PHOTOS, PAIRS = 300, 8, 3000


def pixels(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The aligned crop, shifted and scaled to mean 0 and deviation 1."""
    del landmarks
    return (crop - crop.mean()) / max(crop.std(), 1.0)


def small_grey(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The crop in grey with equalised histogram, 32×32, mean 0."""
    del landmarks
    grey = cv2.equalizeHist(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))
    grey = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    return grey - grey.mean()


def rgb_histogram(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """32 bins for each channel."""
    del landmarks
    return np.stack([cv2.calcHist([crop], [c], None, [32], [0, 256]) for c in range(3)])


def hue_histogram(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """16 bins of hue by 8 of saturation, square roots."""
    del landmarks
    hsv = cv2.cvtColor(crop, cv2.COLOR_RGB2HSV)
    return np.sqrt(cv2.calcHist([hsv], [0, 1], None, [16, 8], [0, 180, 0, 256]))


def skin_tint(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The mean colour of the middle of the face, apart from its brightness."""
    del landmarks
    colour = crop[60:80, 35:77].mean(axis=(0, 1)) + 1e-6
    return colour / colour.sum() - 1 / 3 + 1e-6


def all_landmarks(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The exact landmarks in the crop, from their mean over an average face."""
    del crop
    return landmarks - _MEAN


def upper_landmarks(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Those of brows, nose and eyes alone."""
    return all_landmarks(crop, landmarks)[17:48]


def _in_crop(landmarks: np.ndarray) -> np.ndarray:
    matrix = alignment.crop_matrix(layouts.to_five(landmarks, "68"))
    return geometry.transform(landmarks, matrix)


_MEAN = np.mean(
    [_in_crop(e["landmarks"]) for e in synthetic.SyntheticFaces(200, 2, size=32)],
    axis=0,
)
DESCRIPTORS = (
    pixels,
    small_grey,
    rgb_histogram,
    hue_histogram,
    skin_tint,
    all_landmarks,
    upper_landmarks,
)


def score_descriptors() -> None:
    """Prints the verification accuracy and AUC of each descriptor."""
    faces = synthetic.SyntheticFaces(PEOPLE, PHOTOS, first_identity=100_000)
    pairs = synthetic.make_pairs(faces, PAIRS)
    row = {name: index for index, name in enumerate(faces.names)}
    first, second = ([row[n] for n in side] for side in (pairs.first, pairs.second))
    seen = []
    for element in faces:
        five = layouts.to_five(element["landmarks"], "68")
        crop = alignment.align(element["image"], five)
        seen.append((crop, _in_crop(element["landmarks"])))
    for describe in DESCRIPTORS:
        vectors = np.stack([describe(*face).ravel() for face in seen])
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = (vectors[first] * vectors[second]).sum(axis=1)
        result = verification.evaluate(cosines, pairs.is_same, pairs.fold)
        print(f"{describe.__name__:16} {result.accuracy:.3f}  AUC {result.auc:.3f}")


def time_drawing() -> None:
    """Prints the time of a photo; the median is robust to a busy machine."""
    cv2.setNumThreads(1)
    for size in (112, 128, 250):
        faces = synthetic.SyntheticFaces(50, 10, size=size)
        times = []
        for index in range(len(faces)):
            start = time.perf_counter()
            faces[index]
            times.append(time.perf_counter() - start)
        fastest, median = 1e3 * np.min(times), 1e3 * np.median(times)
        print(f"{size} px: {median:.2f} ms a photo (fastest {fastest:.2f})")


if __name__ == "__main__":
    score_descriptors()
    time_drawing()
