"""How well masks sit on faces, in numbers, against the original's method.

    python -m benchmarks.mask_fit --photos=DIR [--limit=300] [--masks=surgical,kn95,…]

Prints, per bin of yaw:

  covered  share of the lower face (nose tip to chin, jaw to jaw) under the mask
  spill    share of the mask outside the outline of the face's landmarks, grown by 8 %
           of the distance of the eyes
  hard     share of the step in brightness across the mask's edge that one pixel takes;
           a cut with scissors has 1

The lower face and the outline are known by landmarks. Those of `--judge`, a detector
other than the one that masks are placed by, keep a method from being judged by the very
points that it draws a polygon through.
"""

import collections
import pathlib

import cv2
import numpy as np
from absl import app, flags

from benchmarks import original_method
from maskarc import images
from maskarc import landmarks as landmark_lib
from maskarc.masks import light, mixture, rendering

_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
_DETECTOR = flags.DEFINE_string("detector", "mesh", "Whose landmarks place masks.")
_JUDGE = flags.DEFINE_string("judge", "dlib", "Whose landmarks measure them.")
_LIMIT = flags.DEFINE_integer("limit", 300, "Photos to look at.")
_MASKS = flags.DEFINE_string("masks", "surgical,kn95,cloth", "A mixture.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the choice of photos and masks.")

_BINS = (0, 15, 30, 45, 60, 90)


def main(_) -> None:
    rng = np.random.default_rng(_SEED.value)
    names = images.list_images(pathlib.Path(_PHOTOS.value))
    chosen = rng.permutation(len(names))[: _LIMIT.value]
    detector = landmark_lib.create_detector(_DETECTOR.value)
    judge = landmark_lib.create_detector(_JUDGE.value)
    masks, cuts = mixture.parse(_MASKS.value), original_method.cut_outs()
    rows = collections.defaultdict(list)
    for index in chosen:
        image = images.read_image(pathlib.Path(_PHOTOS.value, names[index]))
        points, judged = _main_points(image, detector), _main_points(image, judge)
        if points is None or judged is None or not _is_same(points, judged):
            continue
        pose = landmark_lib.head_pose(points)
        drawn = int(np.digitize(np.degrees(abs(pose.yaw)), _BINS))
        mask = masks.choose(pose, rng)
        ours = rendering.render_with_alpha(image, points, mask)
        cut = original_method.nearest(cuts, pose.yaw)
        theirs = original_method.render(image, points, cut)
        for name, (result, alpha) in (("maskarc", ours), ("original", theirs)):
            rows[drawn, name].append(measure(image, result, alpha, judged))
    print(
        f"{'yaw':>8} {'method':>9} {'faces':>6} {'covered':>8} {'spill':>6} {'hard':>5}"
    )
    for (bin_, name), values in sorted(rows.items()):
        covered, spill, hard = np.nanmean(values, axis=0)
        span = f"{_BINS[bin_ - 1]}–{_BINS[bin_]}°"
        print(
            f"{span:>8} {name:>9} {len(values):6d} {covered:8.3f} {spill:6.3f} "
            f"{hard:5.2f}"
        )


def _main_points(image: np.ndarray, detector) -> np.ndarray | None:
    faces = [face for face in detector(image) if face.layout == "68"]
    if not faces:
        return None
    return landmark_lib.main_face(faces, image.shape).points[:, :2]


def _is_same(points: np.ndarray, others: np.ndarray) -> bool:
    """Whether two sets of landmarks lie on one face."""
    eyes = np.linalg.norm(points[45] - points[36])
    return bool(np.linalg.norm(points.mean(axis=0) - others.mean(axis=0)) < eyes)


def measure(
    image: np.ndarray, result: np.ndarray, alpha: np.ndarray, points: np.ndarray
) -> tuple[float, float, float]:
    """The three numbers of one face."""
    covered, lower = alpha > 127, _filled(image, points[[*range(3, 14), 30]])
    face = _filled(image, cv2.convexHull(points.astype(np.float32))[:, 0])
    eyes = np.linalg.norm(points[45] - points[36]) / 1.42
    grown = cv2.dilate(face, _disc(0.08 * eyes)) > 0
    spill = (covered & ~grown).sum() / max(covered.sum(), 1)
    return (
        float(covered[lower > 0].mean()) if lower.any() else np.nan,
        float(spill),
        _hardness(result, covered),
    )


def _hardness(result: np.ndarray, covered: np.ndarray) -> float:
    luma = (result @ light.LUMA).astype(np.float32)
    inside = covered.astype(np.uint8)
    edge = (inside - cv2.erode(inside, np.ones((3, 3)))) > 0
    near = cv2.dilate(luma, np.ones((3, 3))) - cv2.erode(luma, np.ones((3, 3)))
    far = cv2.dilate(luma, np.ones((7, 7))) - cv2.erode(luma, np.ones((7, 7)))
    edge &= far > 30  # a step that is seen
    return float((near[edge] / far[edge]).mean()) if edge.any() else np.nan


def _filled(image: np.ndarray, outline: np.ndarray) -> np.ndarray:
    area = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(area, [np.rint(outline).astype(np.int32)], 1)
    return area


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


if __name__ == "__main__":
    app.run(main)
