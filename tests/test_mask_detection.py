"""The mask detector in the package, on generated faces and on real ones."""

import pathlib

import numpy as np
import pytest

from maskarc import mask_detection
from maskarc.data import crops, protocols, synthetic
from maskarc.masks import mixture, wearing

FACES = pathlib.Path(__file__).parents[1] / "../shared/faces/mfr2_dev"


@pytest.fixture(scope="module")
def detector():
    return mask_detection.MaskDetector.load()


def test_generated_faces_bare_and_masked(detector):
    faces = synthetic.SyntheticFaces(20, 1, size=200)
    masks = mixture.parse("surgical_blue, cloth_navy, kn95_white")
    rng = np.random.default_rng(0)
    right = 0
    for index in range(20):
        image, points = faces[index]["image"], faces[index]["landmarks"]
        masked = wearing.put_on(image, points, masks, rng).image
        right += detector.look(image, points) < 0.5
        right += detector.look(masked, points) >= 0.5
    assert right >= 36


def test_a_recogniser_is_no_mask_detector():
    with pytest.raises(ValueError, match="is no mask detector: expected one number"):
        mask_detection.MaskDetector.load("masked_r29")


def test_a_batch_is_as_its_parts(detector):
    size = detector.image_size
    noise = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    together = detector(noise)
    assert together.shape == (3,) and ((together >= 0) & (together <= 1)).all()
    apart = [detector(crop[None])[0] for crop in noise]
    np.testing.assert_allclose(together, apart, atol=1e-5)
    with pytest.raises(ValueError, match="span a face"):
        detector.look(noise[0], np.zeros((68, 2)))


@pytest.mark.skipif(not FACES.is_dir(), reason="the development faces are absent")
def test_real_masks(detector, tmp_path):
    worn = protocols.read_mask_labels(FACES / "mfr2_labels.txt", FACES)
    names = sorted(worn)[::3]
    seen = crops.Photos(root=str(FACES)).crops(
        [(name, False) for name in names],
        size=detector.image_size,
        crop=mask_detection.CROP,
        keep_in=tmp_path,
        progress=False,
    )
    said = detector(np.stack([seen.read(i) for i in range(len(seen))])) >= 0.5
    assert (said == [bool(worn[name]) for name in names]).mean() > 0.95
