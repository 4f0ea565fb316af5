"""The `mesh` back end: RetinaFace boxes, then the MediaPipe face mesh.

Finds masked faces too and works offline. Both networks are in the package
(`landmarks.networks`); the mesh is MediaPipe's (Apache-2.0).

References:
  Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
  GPUs", CVPR Workshops 2019.
"""

import dataclasses
import functools

import numpy as np

from maskarc import alignment, geometry
from maskarc.landmarks import layouts, networks, retinaface, search, types

_INPUT_SIZE = 192
# Engine → the form of the network that it is quick with.
_NETWORKS = {"opencv": "face_mesh", "onnxruntime": "face_mesh_relu"}
# Side of the region that the network sees, over the longer side of RetinaFace's box
# and of the mesh. Chosen for the least scatter under shifts of the region.
_BOX_SCALE, _MESH_SCALE = 1.3, 1.4
# Outer corners of the eyes in the mesh.
_MESH_LEFT_EYE, _MESH_RIGHT_EYE = 33, 263
# A face whose five points are turned by more than this (radians) is in profile; the
# mesh is wrong there if its points are further from the five, over the box's size.
_PROFILE_YAW, _PROFILE_DISTANCE = 0.8, 0.1
# The most by which the mouth is lowered, over its distance from the eyes.
_MOST_DROP = 0.3
_MEAN_FIVE = layouts.five_of(layouts.MEAN_FACE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeshDetector:
    """Finds faces, masked or bare, and measures their landmarks.

    Where the mesh is not confident, or takes a profile for a frontal face, the mean
    face is turned and placed to fit RetinaFace's five points instead: coarser, but it
    does not fly off. Such a face's score is RetinaFace's times `mesh_threshold`; other
    faces' is the lesser of the two networks' confidences.

    Attributes:
      layout: "68", or "468" for the mesh itself, whose points are float32[468, 3]
        with the depth as third coordinate: in pixels, away from the camera. Faces
        that the mesh does not fit are left out then.
      score_threshold: RetinaFace's least confidence, in [0, 1].
      mesh_threshold: the mesh's least confidence, in [0, 1].
      max_side: larger photos are scaled down to this many pixels to find faces.
      rotations: whether to look for faces lying on their side or upside down where
        there is none upright.
      engine: what runs the networks, one of `networks.ENGINES`.
    """

    layout: str = "68"
    score_threshold: float = 0.5
    mesh_threshold: float = 0.5
    max_side: int = 640
    rotations: bool = True
    engine: str = "opencv"

    def __post_init__(self):
        if self.layout not in ("68", "468"):
            raise ValueError(f"expected layout '68' or '468', got {self.layout!r}")
        networks.check(self.engine)

    @functools.cached_property
    def _finder(self) -> retinaface.RetinaFace:
        return retinaface.RetinaFace(
            score_threshold=self.score_threshold, engine=self.engine
        )

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Detects the faces of uint8[H, W, 3] RGB, best first."""
        del name
        found = search.find_faces(
            image,
            self._finder,
            max_side=self.max_side,
            rotations=self.rotations,
            second_opinion=lambda view, face: fit_mesh(view, face, self.engine)[1],
        )
        faces = [self._measure(image, face) for face in found]
        return sorted(filter(None, faces), key=lambda face: -face.score)

    def _measure(self, image: np.ndarray, face: types.Face) -> types.Face | None:
        mesh, confidence = fit_mesh(image, face, self.engine)
        yaw = geometry.fit_pose(face.points, _MEAN_FIVE).yaw
        in_profile = abs(yaw) > _PROFILE_YAW
        missed = in_profile and _distance(mesh, face) > _PROFILE_DISTANCE
        if confidence < self.mesh_threshold or missed:
            return None if self.layout == "468" else self._fallback(face)
        if not in_profile:
            mesh = lower_mouth(mesh, face.points)
        return dataclasses.replace(
            face,
            score=min(face.score, confidence),
            points=mesh if self.layout == "468" else layouts.to_landmarks(mesh, "468"),
            layout=self.layout,
        )

    def _fallback(self, face: types.Face) -> types.Face:
        return dataclasses.replace(
            face,
            score=self.mesh_threshold * face.score,
            points=mean_face_at(face.points),
            layout="68",
        )


def fit_mesh(
    image: np.ndarray, face: types.Face, engine: str = "opencv"
) -> tuple[np.ndarray, float]:
    """Measures a face twice: in RetinaFace's box, then where the mesh itself lies.

    The second look halves the scatter under shifts of the box; it is dropped where it
    is not confident and the first is more so.

    Args:
      image: uint8[H, W, 3], RGB.
      face: a face with layout "5".
      engine: what runs the network, one of `networks.ENGINES`.

    Returns:
      Points float32[468, 3] in the photo's pixels, and the confidence in [0, 1].
    """
    first = measure_mesh(image, _region_of_box(face), engine)
    second = measure_mesh(image, _region_of_mesh(first[0]), engine)
    return first if second[1] < min(0.5, first[1]) else second


def lower_mouth(mesh: np.ndarray, five_points: np.ndarray) -> np.ndarray:
    """Moves mouth and chin down to where RetinaFace has the mouth, if that is lower.

    Under a mask the mesh pulls them up, by a tenth to a fifth of the distance between
    the eyes; RetinaFace has no such bias. Bare faces hardly change.

    Args:
      mesh: float32[468, D].
      five_points: float[5, 2], RetinaFace's.

    Returns:
      float32[468, D]; the points above the nose tip are as before.
    """
    left_eye, right_eye, nose, *mouth = layouts.to_five(mesh, "468")
    eyes = (left_eye + right_eye) / 2
    down = np.mean(mouth, axis=0) - eyes
    axis = down / (down @ down)  # 0 at the eyes, 1 at the mesh's mouth
    drop = np.clip((np.mean(five_points[3:], axis=0) - eyes) @ axis - 1, 0, _MOST_DROP)
    start = min((nose - eyes) @ axis, 0.7)
    height = (mesh[:, :2] - eyes) @ axis
    # From nothing at the nose to all at the mouth and half as much again at the chin.
    share = np.clip((height - start) / (1 - start), 0, 1.5)
    lowered = mesh.copy()
    lowered[:, :2] += drop * share[:, None] * down
    return lowered


def _distance(mesh: np.ndarray, face: types.Face) -> float:
    """How far RetinaFace's five points are from the mesh's, over the box's size."""
    offsets = layouts.to_five(mesh, "468") - face.points
    return float(np.linalg.norm(offsets, axis=1).mean()) / face.size


def _region_of_box(face: types.Face) -> np.ndarray:
    """The region around a box, upright for the line of the eyes."""
    left_eye, right_eye = face.points[:2]
    centre = (face.box[:2] + face.box[2:]) / 2
    side = _BOX_SCALE * max(face.box[2:] - face.box[:2])
    return _region(centre, side, right_eye - left_eye)


def _region_of_mesh(mesh: np.ndarray) -> np.ndarray:
    """The region around a mesh [468, 3], upright for the line of its eyes."""
    points = mesh[:, :2]
    direction = points[_MESH_RIGHT_EYE] - points[_MESH_LEFT_EYE]
    upright = _region(np.zeros(2), _INPUT_SIZE, direction)  # a pure rotation
    turned = geometry.transform(points, upright)
    low, high = turned.min(axis=0), turned.max(axis=0)
    centre = geometry.transform((low + high) / 2, geometry.invert(upright))
    return _region(centre, _MESH_SCALE * max(high - low), direction)


def _region(centre: np.ndarray, side: float, direction: np.ndarray) -> np.ndarray:
    """The similarity float64[2, 3] from the photo to the network's 192×192 input.

    Args:
      centre: float[2], of the region, in the photo's pixels.
      side: of the region, in the photo's pixels.
      direction: float[2], in the photo, that becomes the input's x axis.
    """
    angle = np.arctan2(direction[1], direction[0])
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]]) * (_INPUT_SIZE / side)
    return np.column_stack([linear, (_INPUT_SIZE - 1) / 2 - linear @ centre])


def measure_mesh(
    image: np.ndarray, matrix: np.ndarray, engine: str = "opencv"
) -> tuple[np.ndarray, float]:
    """Runs the mesh network on one region.

    Args:
      image: uint8[H, W, 3], RGB.
      matrix: float[2, 3], from the photo to the 192×192 region.
      engine: what runs the network, one of `networks.ENGINES`.

    Returns:
      Points float32[468, 3] in the photo's pixels (depth in the same unit, away from
      the camera), and the confidence in [0, 1] that the region holds a face.
    """
    region = alignment.warp(image, matrix, _INPUT_SIZE)
    blob = (region.transpose(2, 0, 1)[None] / 255).astype(np.float32)
    found, logit = networks.run(_NETWORKS[engine], blob, engine=engine)
    mesh = found.reshape(468, 3)
    # Its pixel centres are at integers too: mirrored photos give mirrored points.
    flat = geometry.transform(mesh[:, :2], geometry.invert(matrix))
    depth = mesh[:, 2:] / np.hypot(matrix[0, 0], matrix[1, 0])
    points = np.concatenate([flat, depth], axis=1).astype(np.float32)
    return points, 1 / (1 + float(np.exp(-logit.item())))


def mean_face_at(five_points: np.ndarray) -> np.ndarray:
    """The mean face float32[68, 2], turned and placed to fit five points [5, 2]."""
    rotation = geometry.fit_pose(five_points, _MEAN_FIVE).rotation()
    matrix = geometry.fit_similarity((_MEAN_FIVE @ rotation.T)[:, :2], five_points)
    turned = (layouts.MEAN_FACE @ rotation.T)[:, :2]
    return geometry.transform(turned, matrix).astype(np.float32)
