"""Labels of rendered masks, for training mask detectors and segmenters.

COCO: one JSON for a set, with a box, polygons and a category for each mask. YOLO: one
text beside each photo, and data.yaml with the names of the classes. Both count boxes
from pixel corners: the top left pixel reaches from 0 to 1. The classes are the types of
mask ("cloth", "surgical", …); cut-outs have the type "photo".
"""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from maskarc import files, images
from maskarc.opencv import cv2

FORMATS = ("coco", "yolo")
COCO, YOLO_NAMES = "coco.json", "data.yaml"
# A pixel belongs to a mask that covers at least half of it.
_HALF = 128


def binary(alpha: np.ndarray) -> np.ndarray:
    """The mask's pixels uint8[H, W], 0 or 255, of its alpha uint8[H, W]."""
    return np.where(alpha >= _HALF, np.uint8(255), np.uint8(0))


def region(alpha: np.ndarray) -> dict[str, Any]:
    """Where a mask lies.

    Args:
      alpha: uint8[H, W].

    Returns:
      "mask_box": [x, y, width, height] in pixels, or None if no pixel is covered;
      "mask_area": covered pixels.
    """
    covered = binary(alpha)
    left, top, width, height = cv2.boundingRect(covered)
    area = cv2.countNonZero(covered)
    return {
        "mask_box": [left, top, width, height] if area else None,
        "mask_area": area,
    }


def polygons(alpha: np.ndarray) -> list[list[float]]:
    """The outlines of a mask of alpha uint8[H, W], each [x0, y0, x1, y1, …]."""
    outlines, _ = cv2.findContours(
        binary(alpha), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return [
        (outline.reshape(-1) + 0.5).tolist()
        for outline in outlines
        if len(outline) >= 3  # COCO takes no points and lines
    ]


def yolo_name(name: str) -> str:
    """The path of a photo's YOLO labels, which lie beside it."""
    return files.fitted(pathlib.PurePosixPath(name).with_suffix(".txt").as_posix())


def yolo_text(
    faces: Sequence[dict[str, Any]], size: tuple[int, int], kinds: Sequence[str]
) -> str:
    """One line a mask: class, then centre, width and height as shares of the photo.

    Args:
      faces: records of the manifest.
      size: width and height of the photo in pixels.
      kinds: the classes.
    """
    lines = []
    for face in faces:
        if face["mask_box"]:
            left, top, width, height = face["mask_box"]
            box = np.array([left + width / 2, top + height / 2, width, height])
            shares = " ".join(f"{v:.6f}" for v in box / (*size, *size))
            lines.append(f"{kinds.index(face['kind'])} {shares}\n")
    return "".join(lines)


def yolo_yaml(kinds: Sequence[str]) -> str:
    """The data.yaml of a set with these classes."""
    names = "".join(f"  {number}: {kind!r}\n" for number, kind in enumerate(kinds))
    return f"path: .\ntrain: .\nval: .\nnames:\n{names}"


def coco(rows: Iterable[dict[str, Any]], kinds: Sequence[str]) -> dict[str, Any]:
    """The COCO annotations of a set.

    Args:
      rows: of the manifest, of a run with labels "coco".
      kinds: the classes; categories number them from 1.
    """
    photos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in rows:
        if row["sha256"] is None:
            continue
        width, height = row["size"]
        photo = {"id": len(photos) + 1, "file_name": images.writable_name(row["path"])}
        photos.append(photo | {"width": width, "height": height})
        annotations += [
            {
                "id": len(annotations) + number,
                "image_id": photo["id"],
                "category_id": kinds.index(face["kind"]) + 1,
                "bbox": face["mask_box"],
                "area": face["mask_area"],
                "iscrowd": 0,
                "segmentation": face["polygons"],
            }
            for number, face in enumerate(_with_mask(row), 1)
        ]
    categories = [
        {"id": number, "name": kind, "supercategory": "mask"}
        for number, kind in enumerate(kinds, 1)
    ]
    return {"images": photos, "annotations": annotations, "categories": categories}


def _with_mask(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [face for face in row["faces"] if face["mask_box"]]
