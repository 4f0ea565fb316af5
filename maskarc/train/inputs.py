"""What a configuration reads: its source of photos and its augmentation."""

import dataclasses
import pathlib
from collections.abc import Callable

from maskarc import extras, landmarks
from maskarc.data import (
    joined,
    record_faces,
    shards,
    sources,
    substitution,
    synthetic,
    taught,
    transforms,
)
from maskarc.masks import mixture
from maskarc.train import config as config_lib
from maskarc.train import teaching

with extras.needed("train"):
    import grain


def create_source(
    config: config_lib.TrainConfig, workdir: pathlib.Path, *, progress: bool = True
) -> substitution.Substituting:
    """Opens the source that a configuration names, with its teacher's targets if any.

    Photos that vanish or become damaged later do not end a run: others of the same
    person stand in for them (`data.substitution`).

    Args:
      config: its source, data_dir, landmarks and related fields.
      workdir: run folder. A landmark table that has to be made is kept there, as are
        the teacher's embeddings, and the listing of a folder, photos.csv: a run that is
        taken up again has the photos and labels that it began with.
      progress: show a bar while the teacher is asked.

    Raises:
      ValueError: an unknown source, or no usable photo.
      FileNotFoundError: a folder or table that does not exist.
      ImportError: a missing extra.
    """
    if config.source not in SOURCES:
        raise ValueError(
            f"unknown source {config.source!r}; expected one of {', '.join(SOURCES)}"
        )
    source = SOURCES[config.source](config, workdir)
    if config.unlabelled_dir:
        source = joined.WithUnlabelled(source, _unlabelled(config, workdir))
    readable = substitution.Substituting(source)
    if not config.teacher:
        return readable
    return substitution.Substituting(
        teaching.with_targets(source, readable, config, workdir, progress=progress)
    )


def taught_part(source: substitution.Substituting) -> taught.Taught | None:
    """What `create_source` gave targets to, if it did."""
    return source.source if isinstance(source.source, taught.Taught) else None


def augmentations(
    config: config_lib.TrainConfig,
) -> list[grain.transforms.RandomMap]:
    """The transforms of a configuration: photo → augmented crop, or two of them.

    Raises:
      ValueError: config.masks is not a mixture, or a mask database not one.
      FileNotFoundError: there is none at the path in config.masks.
    """
    mask = transforms.RandomMask(
        mixture.parse(
            config.masks,
            size_jitter=config.mask_size_jitter,
            shift_jitter=config.mask_shift_jitter,
        ),
        config.mask_probability,
    )
    rest = [
        transforms.AlignedCrop(
            config.image_size,
            config.shift_jitter,
            config.scale_jitter,
            config.rotation_jitter,
            config.crop,
        ),
        transforms.RandomFlip(config.flip_probability),
        transforms.ColorJitter(config.color_jitter),
    ]
    if config.quality_jitter:
        rest.append(transforms.QualityJitter(config.quality_jitter))
    if config.pairs:
        return [transforms.BareAndMasked(mask, tuple(rest))]
    return [mask, *rest]


def _unlabelled(
    config: config_lib.TrainConfig, workdir: pathlib.Path
) -> sources.Source:
    more = dataclasses.replace(
        config,
        data_dir=config.unlabelled_dir,
        landmarks=config.unlabelled_landmarks,
        min_photos=1,
    )
    folder = workdir / "unlabelled"
    folder.mkdir(exist_ok=True)
    return _folder(more, folder)


def _folder(config: config_lib.TrainConfig, workdir: pathlib.Path) -> sources.Source:
    listing, found = workdir / "photos.csv", workdir / "landmarks.npz"
    names = sources.listed_names(listing) if listing.exists() else None
    if config.landmarks:
        table = landmarks.LandmarkTable.load(config.landmarks)
    elif names is not None and found.exists():
        table = landmarks.LandmarkTable.load(found)
    else:
        table = landmarks.detect_folder(
            landmarks.create_detector(config.detector or None),
            config.data_dir,
            names,
            save_to=found,
        )
    if names is not None:
        return sources.ImageFolder.from_listing(config.data_dir, listing, table)
    source = sources.ImageFolder.from_folder(
        config.data_dir, table, min_photos=config.min_photos
    )
    source.save_listing(listing)
    return source


def _synthetic(config: config_lib.TrainConfig, workdir: pathlib.Path) -> sources.Source:
    del workdir
    return synthetic.SyntheticFaces(
        config.num_identities, config.photos_per_identity, seed=config.seed
    )


def _tfds(config: config_lib.TrainConfig, workdir: pathlib.Path) -> sources.Source:
    del workdir
    name, _, data_dir = config.data_dir.partition("@")
    name, _, split = name.partition(":")
    return sources.TfdsFaces.load(
        name, split=split or "train", data_dir=data_dir or None
    )


def _recordio(config: config_lib.TrainConfig, workdir: pathlib.Path) -> sources.Source:
    del workdir
    return record_faces.RecordFaces.open(config.data_dir)


def _shards(config: config_lib.TrainConfig, workdir: pathlib.Path) -> sources.Source:
    del workdir
    return shards.ShardedFaces.open(config.data_dir)


SOURCES: dict[str, Callable[[config_lib.TrainConfig, pathlib.Path], sources.Source]] = {
    "folder": _folder,
    "recordio": _recordio,
    "shards": _shards,
    "synthetic": _synthetic,
    "tfds": _tfds,
}
