"""maskarc.landmarks.types: faces and the choice of the main one."""

import numpy as np

from maskarc.landmarks import types


def face(left, top, right, bottom, score=1.0) -> types.Face:
    box = np.array([left, top, right, bottom], np.float32)
    return types.Face(box=box, score=score, points=box.reshape(2, 2), layout="5")


def test_size_is_the_side_of_the_square_with_the_boxs_area():
    assert face(10, 10, 30, 90).size == 40
    assert face(30, 10, 10, 90).size == 0


def test_box_of_points():
    points = np.array([[3, 9], [5, -2], [4, 4]])
    np.testing.assert_array_equal(types.box_of(points), [3, -2, 5, 9])


def test_main_face_is_large_central_and_sure():
    shape = (200, 200, 3)
    centre, corner = face(70, 70, 130, 130), face(0, 0, 60, 60)
    assert types.main_face([corner, centre], shape) is centre
    small = face(95, 95, 105, 105)
    assert types.main_face([small, centre], shape) is centre
    doubtful = face(60, 60, 140, 140, score=0.5)
    assert types.main_face([doubtful, centre], shape) is centre
    assert types.main_face([], shape) is None
