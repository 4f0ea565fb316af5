"""Labels, compared with shapes drawn by hand and with what the formats say."""

import cv2
import numpy as np
import pytest

from maskarc.masks import labels


@pytest.fixture
def alpha():
    """A rectangle of 30×20 pixels from (10, 5), soft below half beyond its edge."""
    alpha = np.zeros((60, 100), np.uint8)
    alpha[4:26, 9:41] = 127
    alpha[5:25, 10:40] = 128
    return alpha


def test_half_covered_pixels_belong_to_the_mask(alpha):
    assert labels.region(alpha) == {"mask_box": [10, 5, 30, 20], "mask_area": 600}
    assert np.unique(labels.binary(alpha)).tolist() == [0, 255]
    nothing = labels.region(np.zeros((4, 4), np.uint8))
    assert nothing == {"mask_box": None, "mask_area": 0}


def test_polygons_enclose_the_mask():
    t = np.linspace(0, 2 * np.pi, 100)
    outline = np.stack([90 + 60 * np.cos(t), 70 + 40 * np.sin(t)], 1)
    alpha = np.zeros((150, 200), np.uint8)
    cv2.fillPoly(alpha, [np.rint(outline).astype(np.int32)], 255)
    alpha[3, 3] = 255  # a speck is no polygon
    [polygon] = labels.polygons(alpha)
    corners = np.array(polygon, np.float32).reshape(-1, 2)
    assert cv2.contourArea(corners) == pytest.approx(np.pi * 60 * 40, rel=0.03)


def face(kind="cloth", box=(10, 5, 30, 20)):
    return {
        "kind": kind,
        "mask_box": box and list(box),
        "mask_area": 600,
        "polygons": [[10, 5, 40, 5, 40, 25, 10, 25]],
    }


def test_yolo_counts_in_shares_of_the_photo():
    text = labels.yolo_text([face(), face(box=None)], (100, 50), ["a", "cloth"])
    assert text == "1 0.250000 0.300000 0.300000 0.400000\n"
    assert labels.yolo_name("a/b.c.jpg") == "a/b.c.txt"
    assert "names:\n  0: 'a'\n  1: 'cloth'\n" in labels.yolo_yaml(["a", "cloth"])


def test_coco_numbers_agree():
    row = {"sha256": "x", "size": [100, 50], "path": "a.jpg"}
    rows = [
        {**row, "faces": [face("n95"), face("cloth"), face(box=None)]},
        {**row, "sha256": None, "faces": [face()], "path": "bare.jpg"},
        {**row, "faces": [face("cloth")], "path": "b.jpg"},
    ]
    result = labels.coco(rows, ["cloth", "n95"])
    assert [p["file_name"] for p in result["images"]] == ["a.jpg", "b.jpg"]
    assert result["images"][1] | {"width": 100, "height": 50} == result["images"][1]
    notes = result["annotations"]
    assert [note["id"] for note in notes] == [1, 2, 3]
    assert [note["image_id"] for note in notes] == [1, 1, 2]
    names = {c["id"]: c["name"] for c in result["categories"]}
    assert [names[n["category_id"]] for n in notes] == ["n95", "cloth", "cloth"]
    assert notes[0]["bbox"] == [10, 5, 30, 20] and notes[0]["area"] == 600
