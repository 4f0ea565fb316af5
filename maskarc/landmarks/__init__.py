"""Face landmarks: detectors behind one protocol, layouts, pose, and tables on disk."""

from maskarc.landmarks.layouts import mirror, to_five, to_landmarks
from maskarc.landmarks.pose import head_pose
from maskarc.landmarks.registry import create_detector
from maskarc.landmarks.table import LandmarkTable, detect_folder
from maskarc.landmarks.types import Detector, Face, main_face

__all__ = [
    "Detector",
    "Face",
    "LandmarkTable",
    "create_detector",
    "detect_folder",
    "head_pose",
    "main_face",
    "mirror",
    "to_five",
    "to_landmarks",
]
