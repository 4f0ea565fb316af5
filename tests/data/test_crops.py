"""maskarc.data.crops: what becomes of photos that are not as they were."""

import os

import numpy as np

from maskarc import images, landmarks
from maskarc.data import crops


def test_photos_that_cannot_be_read_any_more_are_outcomes(tmp_path):
    names = ("whole.png", "gone.png", "folder.png", "pipe.png", "damaged.png")
    images.write_image(tmp_path / names[0], np.full((112, 112, 3), 150, np.uint8))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    [face] = landmarks.create_detector("canonical")(
        images.read_image(tmp_path / names[0])
    )
    reader = crops.FaceCrops(
        root=tmp_path,
        images=tuple((name, False) for name in names),
        table=landmarks.LandmarkTable(
            names, np.stack([face.points] * len(names)), ("ok",) * len(names)
        ),
        size=112,
    )
    outcomes = [reader.look(number).outcome for number in range(len(names))]
    assert outcomes == ["ok", *["unreadable"] * 4]
