"""maskarc.landmarks.retinaface on real photos."""

import numpy as np
import pytest

from maskarc import alignment, geometry, images
from maskarc.landmarks import retinaface


@pytest.fixture(scope="module")
def finder() -> retinaface.RetinaFace:
    return retinaface.RetinaFace()


def test_lfws_people_are_found_where_lfw_has_them(faces, finder):
    # LFW is funneled: the person is in the middle, the eyes on one level.
    photos = sorted((faces / "lfw/images").glob("*/*_0001.jpg"))[::400]
    for path in photos:
        found = finder(images.read_image(path))
        face = max(found, key=lambda face: face.size)
        np.testing.assert_allclose((face.box[:2] + face.box[2:]) / 2, 125, atol=30)
        matrix = alignment.crop_matrix(face.points)
        assert 0.5 < np.hypot(*matrix[0, :2]) < 1.3, path
        error = geometry.transform(face.points, matrix) - alignment.ARCFACE_TEMPLATE
        assert np.abs(error).max() < 12, path
        assert face.score > 0.9


def test_points_are_sub_pixel_and_pixel_centres_are_integers(faces, finder):
    """Mirroring the photo mirrors the points, but for a bias well below a pixel."""
    biases = []
    for path in sorted((faces / "lfw/images").glob("*/*_0001.jpg"))[:2000:100]:
        image = images.read_image(path)
        face = max(finder(image), key=lambda face: face.size)
        flipped = max(
            finder(np.ascontiguousarray(image[:, ::-1])), key=lambda face: face.size
        )
        back = 249 - flipped.points[[1, 0, 2, 4, 3], 0]
        biases.append(np.mean(face.points[:, 0] - back) / 2)
    assert abs(np.mean(biases)) < 0.6


def test_thresholds(faces, finder):
    image = images.read_image(sorted((faces / "masked_photos").iterdir())[0])
    strict = retinaface.RetinaFace(score_threshold=0.99999)
    loose = retinaface.RetinaFace(score_threshold=0.02)
    assert len(strict(image)) <= len(finder(image)) < len(loose(image))
    scores = [face.score for face in loose(image)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (33, 47), (129, 64)])
def test_any_shape_will_do(finder, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert finder(noise) == []
