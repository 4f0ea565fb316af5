"""A TensorFlow data set of photos, their masked copies and labels, of any image folder.

It is prepared and read without TensorFlow, needs the extra ``tfds``, and is stored as
ArrayRecord. The example of a photo has

  image         uint8[H, W, 3], the photo, upright RGB;
  masked_image  uint8[H, W, 3], with a mask on its main face;
  mask          uint8[H, W, 1], 255 where the mask lies, else 0;
  landmarks     float32[68, 2] of the face, (x, y) in pixels;
  box           float32[4] of the face: left, top, right, bottom in pixels;
  mask_box      int32[4]: x, y, width, height in pixels;
  mask_type     "surgical", "cloth", …, and mask_name, which one;
  name          path of the photo below the folder (`files.escaped`);
  label         the identity, where every photo lies in a folder of its person.
"""

import io
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from maskarc import extras, files, images
from maskarc.masks import bulk, manifest, masking

NAME = "masked_faces"


def prepare(
    source: str | os.PathLike[str],
    data_dir: str | os.PathLike[str],
    **options: Any,
) -> dict[str, int]:
    """Masks the photos of a folder into a data set that `sources.TfdsFaces` reads.

    Photos without a mask are left out; ``masked_faces.manifest.jsonl`` in `data_dir`
    has a row for every file (`masks.manifest`).

    Args:
      source: folder of the photos; only read.
      data_dir: where tfds keeps its data sets, apart from the photos; this one becomes
        its folder ``masked_faces/1.0.0`` and must not exist yet.
      **options: the fields of `masking.Settings` but those for further pictures.

    Returns:
      How many files had which outcome.

    Raises:
      ImportError: tensorflow-datasets is not installed.
      ValueError: folders that overlap, no photo that can be masked, or a data set that
        exists already.
      FileNotFoundError: the folder does not exist.

    Example:
      prepare("photos", "tfds", seed=1)
      source = sources.TfdsFaces.load("masked_faces", split="train", data_dir="tfds")
    """
    tfds = _import_tfds()
    settings = masking.with_detector(masking.Settings(save_mask=True, **options))
    source, data_dir = files.given(source).resolve(), files.given(data_dir).resolve()
    if (data_dir / NAME).exists():
        raise ValueError(f"{data_dir / NAME} exists; give another data_dir")
    listing = images.list_photos(source)
    files.check_apart(source, data_dir, listing.linked)
    bulk.load_afresh(settings)
    rows = bulk.left_out_rows(listing, settings)
    with tfds.core.registered.skip_registration():  # or a second one would clash
        builder_class = _builder_class(tfds, source, listing.names, settings, rows)
    builder = builder_class(data_dir=data_dir, file_format="array_record")
    builder.download_and_prepare()
    lines = (files.to_json(rows[name]) for name in sorted(rows))
    files.write_bytes(data_dir / f"{NAME}.{manifest.NAME}", b"".join(lines))
    outcomes = [row["outcome"] for row in rows.values()]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def identities(names: Sequence[str]) -> list[str]:
    """The sorted identities of photos root/identity/photo.jpg; empty in a flat folder.

    Args:
      names: of the photos; one in the root itself makes the folder flat.
    """
    if not all("/" in name for name in names):
        return []
    return sorted({files.escaped(name.rpartition("/")[0]) for name in names})


def _builder_class(
    tfds: Any,
    source: pathlib.Path,
    names: Sequence[str],
    settings: masking.Settings,
    rows: dict[str, dict[str, Any]],
) -> Any:
    """The builder, a class because tfds wants one; fills `rows` when it runs."""
    people = identities(names)

    class MaskedFaces(tfds.core.GeneratorBasedBuilder):
        """Photos of faces, their masked copies and labels of the masks."""

        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = source  # tfds looks for metadata beside a builder's package

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(builder=self, features=_features(tfds, people))

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            del dl_manager
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
            for name in names:
                row, example = _example(source, name, settings)
                rows[name] = row
                if example is not None:
                    if people:
                        example["label"] = files.escaped(name.rpartition("/")[0])
                    yield example["name"], example
            if all(row["outcome"] != manifest.MASKED for row in rows.values()):
                raise ValueError(f"no photo in {source} could be masked")

    return MaskedFaces


def _features(tfds: Any, people: list[str]) -> Any:
    features = {
        "image": tfds.features.Image(shape=(None, None, 3)),
        "masked_image": tfds.features.Image(shape=(None, None, 3)),
        "mask": tfds.features.Image(shape=(None, None, 1)),
        "landmarks": tfds.features.Tensor(shape=(68, 2), dtype=np.float32),
        "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        "mask_box": tfds.features.Tensor(shape=(4,), dtype=np.int32),
        "mask_type": tfds.features.Text(),
        "mask_name": tfds.features.Text(),
        "name": tfds.features.Text(),
    }
    if people:
        features["label"] = tfds.features.ClassLabel(names=people)
    return tfds.features.FeaturesDict(features)


def _example(
    source: pathlib.Path, name: str, settings: masking.Settings
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The row of a photo, and its example if a mask was put on."""
    known = bulk.known_row(bulk.load_table(settings), name)
    result = bulk.mask_file(source, name, settings, known)
    if result.row["outcome"] != manifest.MASKED:
        return result.row, None
    try:
        photo = images.read_image(source / name, max_pixels=settings.max_pixels)
    except (images.ImageError, OSError) as error:  # it has changed just now
        row = masking.left_out(name, settings, manifest.UNREADABLE, str(error)).row
        return row, None
    [face, *_] = result.row["faces"]
    masked = result.files[result.row["result"]]
    return result.row, {
        "image": _png(photo),
        "masked_image": _png(images.decode_image(masked, name)),
        "mask": io.BytesIO(result.files[masking.extra_name("mask", name)]),
        "landmarks": np.array(face["landmarks"], np.float32),
        "box": np.array(face["box"], np.float32),
        "mask_box": np.array(face["mask_box"] or [0, 0, 0, 0], np.int32),
        "mask_type": face["kind"],
        "mask_name": face["mask"],
        "name": files.escaped(name),
    }


def _png(image: np.ndarray) -> io.BytesIO:
    """Lossless, for one decoder of photos; tfds would want TensorFlow to encode."""
    return io.BytesIO(images.encode_image(image, "x.png"))


def _import_tfds() -> Any:
    with extras.needed("tfds"):
        import tensorflow_datasets as tfds
    return tfds
