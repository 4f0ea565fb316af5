"""Contact sheets of masks, to be looked at.

    python -m benchmarks.mask_sheet --output=DIR [--photos=DIR]

Writes `poses.png`, every drawn mask on synthetic faces turned from −60° to 60°;
`light.png`, masks under light from five directions; `wear.png`, all ways of wearing;
`mixture.png`, a draw from a mixture. With --photos also `photos_*.png`, the same on the
photos nearest to those yaws.
"""

import dataclasses
import pathlib

import numpy as np
from absl import app, flags

from maskarc import geometry, images
from maskarc import landmarks as landmark_lib
from maskarc.data.synthetic import camera, people, shots
from maskarc.data.synthetic import drawing as faces
from maskarc.masks import drawing, figures, mixture, rendering, types, variation, wear

_OUTPUT = flags.DEFINE_string("output", None, "Folder for the sheets.", required=True)
_PHOTOS = flags.DEFINE_string("photos", "", "Folder of photos to put masks on.")
_LIMIT = flags.DEFINE_integer("limit", 600, "Photos to look for yaws among.")
_CELL = flags.DEFINE_integer("cell", 180, "Side of a picture in pixels.")
_MIXTURE = flags.DEFINE_string(
    "mixture",
    "surgical[own|random]:3@nose_out=0.1@loose=0.1, cloth[pattern|random]:4, n95:2, "
    "kn95[own|random], duckbill, gas, cloth+surgical",
    "What mixture.png shows.",
)

YAWS = (-60, -40, -20, 0, 20, 40, 60)
_LIGHTS = ((-1.2, -0.3), (-0.6, -0.5), (0.0, -0.7), (0.6, -0.5), (1.2, -0.3))
_ONE_OF_A_KIND = (
    "surgical_blue", "n95_valve", "kn95_white", "cloth_checked", "duckbill_white",
    "gas_black",
)  # fmt: skip

Shot = tuple[np.ndarray, np.ndarray]  # a photo and its 68 landmarks


def main(_) -> None:
    folder = pathlib.Path(_OUTPUT.value)
    turned = [synthetic(number, yaw) for number, yaw in enumerate(YAWS)]
    lit = [
        synthetic(20 + number, 10 * number - 20, light)
        for number, light in enumerate(_LIGHTS)
    ]
    rows = {"poses": turned, "light": lit, "wear": turned}
    if _PHOTOS.value:
        found = photos_by_yaw()
        rows |= {"photos_poses": found, "photos_wear": found}
    masks = {mask.name: mask for mask in drawing.builtin_masks()}
    for name, row in rows.items():
        used = masks if name.endswith("poses") else _ONE_OF_A_KIND
        ways = wear.WEARS if name.endswith("wear") else ("correct",)
        cells = [
            cell(shot, worn(masks[mask], way, number))
            for mask in used
            for way in ways
            for number, shot in enumerate(row)
        ]
        sheet = figures.grid(cells, columns=len(row), cell=_CELL.value)
        images.write_image(folder / f"{name}.png", sheet)
    drawn, rng = (
        mixture.parse(_MIXTURE.value, size_jitter=0.03),
        np.random.default_rng(0),
    )
    cells = []
    for number in range(40):
        shot = synthetic(100 + number, float(rng.uniform(-45, 45)))
        cells.append(cell(shot, drawn.choose(landmark_lib.head_pose(shot[1]), rng)))
    sheet = figures.grid(cells, columns=8, cell=_CELL.value)
    images.write_image(folder / "mixture.png", sheet)


def worn(mask: types.Mask, way: str, creases: int) -> types.Mask:
    """The mask, worn in one of `wear.WEARS`, with creases of this number."""
    varied = variation.Variation(worn=wear.find(way), creases=creases)
    return dataclasses.replace(mask, variation=varied)


def synthetic(
    number: int, yaw: float, light: tuple[float, float] | None = None
) -> Shot:
    """A synthetic person, turned by `yaw` degrees, lit from (x, y)."""
    rng = np.random.default_rng([7, number])
    shot = shots.sample_shot(rng)
    pose = geometry.Pose(
        yaw=float(np.radians(yaw)), pitch=shot.pose.pitch, roll=shot.pose.roll
    )
    shot = dataclasses.replace(shot, pose=pose)
    if light is not None:
        towards = np.array([*light, -0.7])
        shot = dataclasses.replace(shot, light=towards / np.linalg.norm(towards))
    person = people.create_person(7, number)
    scene = shots.Scene(person=person, shot=shot, size=224)
    image = faces.draw(scene, camera.background(rng, 224))
    return camera.degrade(image, rng), scene.landmarks


def photos_by_yaw() -> list[Shot]:
    """For each of the yaws the photo that comes nearest."""
    root = pathlib.Path(_PHOTOS.value)
    names = images.list_images(root)
    detector = landmark_lib.create_detector()
    found: list[tuple[float, np.ndarray, np.ndarray]] = []
    for index in np.random.default_rng(0).permutation(len(names))[: _LIMIT.value]:
        image = images.read_image(root / names[index])
        if seen := detector(image):
            points = landmark_lib.main_face(seen, image.shape).points[:, :2]
            pose = landmark_lib.head_pose(points)
            found.append((float(np.degrees(pose.yaw)), image, points))
    if not found:
        raise ValueError(f"there is no face on the photos in {root}")
    nearest = [min(found, key=lambda one: abs(one[0] - yaw)) for yaw in YAWS]
    return [(image, points) for _, image, points in nearest]


def cell(shot: Shot, mask: types.Mask) -> np.ndarray:
    """The face of a shot with a mask, cut out."""
    image, points = shot
    result = rendering.render(image, points, mask)
    reach = 0.85 * np.ptp(points, axis=0).max()
    middle = points.mean(axis=0)
    left, top = np.maximum(middle - reach * np.array([1, 0.9]), 0).astype(int)
    right, bottom = np.maximum(middle + reach * np.array([1, 1.1]), 1).astype(int)
    return result[top:bottom, left:right]


if __name__ == "__main__":
    app.run(main)
