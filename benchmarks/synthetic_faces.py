"""How far one gets on the synthetic faces without learning, and how fast they are.

    python -m benchmarks.synthetic_faces

Scores cosines of simple descriptors on pairs of people, as `docs/synthetic_faces.md`
quotes them, and takes the processor time of drawing on one thread.
"""

import time

import cv2
import numpy as np

from maskarc import alignment, geometry
from maskarc.data import synthetic
from maskarc.evaluation import verification
from maskarc.landmarks import layouts

PEOPLE, PHOTOS, PAIRS = 300, 8, 3000


def pixels(crop: np.ndarray) -> np.ndarray:
    """The crop, brought to mean 0 and deviation 1."""
    return (crop - crop.mean()) / max(crop.std(), 1.0)


def small_grey(crop: np.ndarray) -> np.ndarray:
    """The crop in grey with equalised histogram, 32×32, mean 0."""
    grey = cv2.equalizeHist(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))
    grey = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    return grey - grey.mean()


def rgb_histogram(crop: np.ndarray) -> np.ndarray:
    """32 bins for each channel."""
    return np.stack([cv2.calcHist([crop], [c], None, [32], [0, 256]) for c in range(3)])


def hue_histogram(crop: np.ndarray) -> np.ndarray:
    """16 bins of hue by 8 of saturation, square roots."""
    hsv = cv2.cvtColor(crop, cv2.COLOR_RGB2HSV)
    return np.sqrt(cv2.calcHist([hsv], [0, 1], None, [16, 8], [0, 180, 0, 256]))


def skin_tint(crop: np.ndarray) -> np.ndarray:
    """The mean colour of the middle of the face, apart from its brightness."""
    colour = crop[60:80, 35:77].mean(axis=(0, 1)) + 1e-6
    return colour / colour.sum() - 1 / 3 + 1e-6


def score_descriptors() -> None:
    """Prints the verification accuracy and AUC of each descriptor."""
    faces = synthetic.SyntheticFaces(PEOPLE, PHOTOS, first_identity=100_000)
    pairs = synthetic.make_pairs(faces, PAIRS)
    row = {name: index for index, name in enumerate(faces.names)}
    first, second = ([row[n] for n in side] for side in (pairs.first, pairs.second))
    crops, landmarks = [], []
    for index in range(len(faces)):
        element = faces[index]
        five = layouts.to_five(element["landmarks"], "68")
        matrix = alignment.crop_matrix(five)
        crops.append(alignment.align(element["image"], five))
        landmarks.append(geometry.transform(element["landmarks"], matrix))
    describe = (pixels, small_grey, rgb_histogram, hue_histogram, skin_tint)
    vectors = {f.__name__: np.stack([f(crop) for crop in crops]) for f in describe}
    # The exact landmarks, from their mean; then those that a mask leaves bare.
    vectors["landmarks"] = np.stack(landmarks) - np.mean(landmarks, axis=0)
    vectors["upper_landmarks"] = vectors["landmarks"][:, 17:48]
    for name, values in vectors.items():
        unit = values.reshape(len(values), -1)
        unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
        cosines = (unit[first] * unit[second]).sum(axis=1)
        result = verification.evaluate(cosines, pairs.is_same, pairs.fold)
        print(f"{name:16} accuracy {result.accuracy:.3f}  AUC {result.auc:.3f}")


def time_drawing() -> None:
    """Prints the processor time of a photo."""
    cv2.setNumThreads(1)
    for size in (112, 128, 250):
        faces = synthetic.SyntheticFaces(50, 10, size=size)
        for index in range(0, len(faces), 10):
            faces[index]  # people are made once
        times = []
        for index in range(len(faces)):
            start = time.thread_time()
            faces[index]
            times.append(time.thread_time() - start)
        fastest, median = 1e3 * np.min(times), 1e3 * np.median(times)
        print(f"{size} px: {median:.2f} ms a photo (fastest {fastest:.2f})")


if __name__ == "__main__":
    score_descriptors()
    time_drawing()
