"""Which pairs are shown, and what is in their pictures."""

import base64
import io

import numpy as np
import PIL.Image

from maskarc.evaluation import protocol
from maskarc.evaluation.report import pictures
from tests.evaluation.scores import scored_pairs


def test_the_worst_of_both_kinds_are_found():
    similarities = np.array([0.9, 0.1, 0.5, 0.8, 0.2, protocol.FAILED, 0.3])
    is_same = np.array([True, True, True, False, False, True, False])
    rows = scored_pairs(similarities, is_same, condition="bare-masked")
    found = pictures.worst(rows, {"bare-masked": 0.4}, count=2)
    assert [round(pair.similarity, 2) for pair in found] == [0.8, 0.3, 0.1, 0.5]
    assert [pair.is_same for pair in found] == [False, False, True, True]
    assert [pair.is_wrong for pair in found] == [True, False, True, False]
    assert found[0].images == ((rows.first[3], False), (rows.second[3], True))


def test_pairs_are_drawn_where_both_photos_can_be_read():
    rows = scored_pairs(np.array([0.9, 0.1]), np.array([True, False]))
    worst = pictures.worst(rows, {"bare-bare": 0.5})
    images = pictures.needed(worst)
    assert len(images) == 4
    crop = np.full((20, 30, 3), (200, 30, 30), np.uint8)
    drawn = pictures.draw(worst, images, lambda i: None if i == 0 else crop)
    assert len(drawn) == 1
    head, _, content = drawn[0].uris[0].partition(",")
    assert head == "data:image/jpeg;base64"
    decoded = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(content))))
    assert decoded.shape == (20, 30, 3)
    assert np.abs(decoded.astype(int) - crop).max() < 10
