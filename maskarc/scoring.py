"""Scores of any model on a folder of photos."""

import dataclasses
import json
import os
import pathlib
import platform
from typing import Any

from maskarc import images as image_files
from maskarc import inference
from maskarc.data import crops as crop_lib
from maskarc.data import galleries, insightface_bin, protocols, template_lists
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import (
    audit,
    benchmark,
    bootstrap,
    conditions,
    embedded,
    foreign_models,
    gallery_tables,
    protocol,
    scored,
    summary,
    template_protocols,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A model, as a command names it.

    Attributes:
      source: the run folder of a training, a name in `models.PRETRAINED`, a weights
        file, an ONNX file, or a Python function as "package.module:function".
      flip: sum the embeddings of crop and mirror image.
      architecture: of a weights file of others, a key of `models.MODELS`; an ONNX file
        with it runs in JAX, without it in onnxruntime.
      preprocessing: of ONNX files and functions.
    """

    source: str
    flip: bool = False
    architecture: str = ""
    preprocessing: foreign_models.Preprocessing = dataclasses.field(
        default_factory=foreign_models.Preprocessing
    )

    def open(self) -> foreign_models.Model:
        """Loads it.

        Raises:
          FileNotFoundError, ValueError, ImportError: as the readers raise them.
        """
        source = str(self.source)
        if source.endswith(".onnx") and not self.architecture:
            return foreign_models.load_onnx(source, self.preprocessing, flip=self.flip)
        is_name = foreign_models.CALLABLE.fullmatch(source)
        if is_name and not pathlib.Path(source).exists():
            return foreign_models.FunctionModel.load(
                source, self.preprocessing, flip=self.flip
            )
        weights = inference.load_weights(source, model=self.architecture)
        return inference.Embedder(weights, flip=self.flip)


def evaluate_conditions(
    model: ModelChoice | embedded.EmbeddedImages,
    photos: crop_lib.Photos,
    *,
    pairs: str,
    output: str | os.PathLike[str],
    chosen: str = "all",
    mask_labels: str = "",
    draws: int = bootstrap.DRAWS,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model bare, with rendered and with real masks, in one run.

    Each photo is embedded once bare and once masked, whatever the conditions.

    Args:
      model: the model, or images that it embedded before.
      photos: the folder, and what is put on its faces.
      pairs: a list of pairs, a .bin file (whose photos are then taken, aligned as they
        are), "cfp_ff", "cfp_fp", "all" or "all:20000" (`data.protocols.find_pairs`).
      output: folder for result.json (what is returned), scores.npz
        (`evaluation.scored`), embeddings.npz (`evaluation.embedded`) and masks.csv,
        what was put on whom; made if missing.
      chosen: "all" or some of `evaluation.conditions.ALL`, with commas between.
      mask_labels: list of the real masks that photos show, in MFR2's layout.
      draws: of the bootstrap.
      progress: show bars.

    Returns:
      The tables of `evaluation.summary.summarise`, "audit", "images" and "about".

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    names = conditions.parse(chosen)
    photos, listed = _pairs(photos, pairs)
    real = protocols.read_mask_labels(mask_labels, photos.root) if mask_labels else {}
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        needed = conditions.needed_images(listed, names, real)
        images = embed(model, photos, needed, keep_in=output, progress=progress)
        images.save(output / "embeddings.npz")
    images.write_masks(output / "masks.csv")
    scores = conditions.score(listed, images, names, real)
    scores = dataclasses.replace(scores, about={**scores.about, "pairs": str(pairs)})
    scores.save(output / "scores.npz")
    result = score_again(scores, draws=draws) | {
        "audit": audit.audit_pairs(listed).to_json(),
        "images": conditions.outcomes(images),
    }
    text = json.dumps(result, indent=2, allow_nan=False)
    (output / "result.json").write_text(text + "\n", encoding="utf-8")
    return result


def identify_gallery(
    model: ModelChoice | embedded.EmbeddedImages,
    photos: crop_lib.Photos,
    *,
    output: str | os.PathLike[str],
    enrolled_photos: int = 1,
    strangers: float = 0.2,
    draws: int = bootstrap.DRAWS,
    progress: bool = True,
) -> dict[str, Any]:
    """Identifies bare and masked probes in a gallery of bare faces.

    Args:
      model: the model, or images that it embedded before.
      photos: an identity/photo folder, and what is put on its faces.
      output: folder for identification.json (what is returned), ranked_bare.npz and
        ranked_masked.npz (`evaluation.ranking`), embeddings.npz and masks.csv.
      enrolled_photos: of each person; their mean is the template.
      strangers: share of people who are not enrolled (`data.galleries`).
      draws: of people, for the intervals.
      progress: show bars.

    Returns:
      For "bare" and "masked" probes "rank" (share found up to rank 1, 5 and 10),
      "cmc", "rank_1" with its interval and "open_set"; "drop", what rank 1 loses by the
      masks, paired; "nearest_neighbour", the original's rate on all photos bare and
      all masked; and counts.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    names = image_files.list_images(photos.root)
    split = galleries.split_folder(
        names, enrolled_photos=enrolled_photos, strangers=strangers, seed=photos.seed
    )
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        needed = tuple((name, masked) for name in names for masked in (False, True))
        images = embed(model, photos, needed, keep_in=output, progress=progress)
        images.save(output / "embeddings.npz")
    images.write_masks(output / "masks.csv")
    result = gallery_tables.tabulate(images, split, output, draws=draws) | {
        "images": conditions.outcomes(images),
        "about": images.about,
        "enrolled_photos": enrolled_photos,
        "strangers": strangers,
    }
    text = json.dumps(result, indent=2, allow_nan=False)
    (output / "identification.json").write_text(text + "\n", encoding="utf-8")
    return result


def evaluate_ijb(
    model: ModelChoice | embedded.EmbeddedImages,
    folder: str | os.PathLike[str],
    *,
    target: str = "ijbc",
    output: str | os.PathLike[str],
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model on IJB-B or IJB-C, from the folder of InsightFace's release.

    Args:
      model: the model, or the photos that it embedded before.
      folder: with meta/ (the lists) and loose_crop/ (the photos).
      target: "ijbb" or "ijbc".
      output: folder for ijbc.json (what is returned) and embeddings.npz.
      progress: show a bar.

    Returns:
      As `template_protocols.score_ijb`, with norms and the detector's scores.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    lists = template_lists.read_ijb(pathlib.Path(folder) / "meta", target)
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        if lists.points is None:
            raise FileNotFoundError(f"no {target}_name_5pts_score.txt below {folder}")
        opened = model.open()
        crops = crop_lib.PointCrops(
            root=pathlib.Path(folder) / "loose_crop",
            names=lists.names,
            points=lists.points,
            size=opened.image_size,
        )
        about = {"model": model.source, "flip": model.flip, "target": target}
        images = embedded.embed_images(
            opened.embed, crops, about=about, progress=progress
        )
        images.save(output / "embeddings.npz")
    rows = images.rows(lists.names, False)
    embeddings = images.embeddings[rows] * images.norms[rows][:, None]
    result = template_protocols.score_ijb(lists, embeddings) | {
        "failed_images": int(images.failed[rows].sum()),
        "about": images.about,
    }
    text = json.dumps(result, indent=2, allow_nan=False)
    (output / f"{target}.json").write_text(text + "\n", encoding="utf-8")
    return result


def score_again(
    scores: scored.ScoredPairs, *, draws: int = bootstrap.DRAWS
) -> dict[str, Any]:
    """The tables of scored pairs, and "about" them; needs neither photos nor model."""
    return summary.summarise(scores, draws=draws) | {"about": scores.about}


def embed(
    model: ModelChoice,
    photos: crop_lib.Photos,
    needed: tuple[tuple[str, bool], ...],
    *,
    keep_in: str | os.PathLike[str],
    progress: bool = True,
) -> embedded.EmbeddedImages:
    """Embeds (name, masked) images, each once; `keep_in` holds found landmarks."""
    opened = model.open()
    crops = photos.crops(
        needed,
        size=opened.image_size,
        crop=opened.crop,
        keep_in=keep_in,
        progress=progress,
    )
    about = {
        "model": str(model.source),
        "images": str(photos.root),
        "masks": photos.masks,
        "seed": photos.seed,
        "flip": model.flip,
        "crop": opened.crop,
        "image_size": opened.image_size,
        "landmarks_on": photos.landmarks_on,
        "python": platform.python_version(),
    }
    return embedded.embed_images(opened.embed, crops, about=about, progress=progress)


def _pairs(
    photos: crop_lib.Photos, pairs: str
) -> tuple[crop_lib.Photos, pair_lists.Pairs]:
    if not pairs.endswith(".bin"):
        if not photos.root:
            raise ValueError(
                f"say in which folder the photos of {pairs} are (--images); only a "
                ".bin file holds its own"
            )
        return photos, protocols.find_pairs(pairs, photos.root, seed=photos.seed)
    read = insightface_bin.read(pairs)
    # Its photos are aligned already.
    detector = photos.detector or "canonical"
    photos = dataclasses.replace(photos, files=read.photos, detector=detector)
    return photos, read.pairs


def evaluate_pairs(
    source: str | os.PathLike[str] | ModelChoice,
    photos: crop_lib.Photos,
    *,
    pairs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    masked: str = "none",
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model on a list of pairs of a folder, under one condition.

    Args:
      source: as that of a `ModelChoice`, or one, whose flip counts then.
      photos: the folder, and what is put on its faces.
      pairs: as in `evaluate_conditions`.
      output: folder for results and pictures (`evaluation.benchmark.verify_pairs`).
      masked: "none", "second" (the photo at index 1 of each pair) or "both".
      flip: sum the embeddings of crop and mirror image.
      progress: show bars.

    Returns:
      accuracy, accuracy_std, threshold, auc, eer, tar_at_far, pairs, failed_images, …
      and the settings.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    chosen = _choice(source, flip)
    model = chosen.open()
    photos, listed = _pairs(photos, str(pairs))
    needed = protocol.unique_images(listed, masked)
    crops = photos.crops(
        needed.images,
        size=model.image_size,
        crop=model.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.verify_pairs(
        model.embed, listed, needed, crops, output, progress=progress
    )
    return {"masked": masked, **_settings(photos, chosen.flip), **result}


def identify_folder(
    source: str | os.PathLike[str] | ModelChoice,
    photos: crop_lib.Photos,
    *,
    output: str | os.PathLike[str],
    masked: bool = False,
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Leave-one-out 1-nearest-neighbour identification of an identity/photo folder.

    Arguments as in `evaluate_pairs`; masked puts a mask on every photo, as the
    original system's test did. Returns what `benchmark.identify_folder` does, and the
    settings.
    """
    chosen = _choice(source, flip)
    model = chosen.open()
    crops = photos.crops(
        [(name, masked) for name in image_files.list_images(photos.root)],
        size=model.image_size,
        crop=model.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.identify_folder(model.embed, crops, progress=progress)
    return {"masked": masked, **_settings(photos, chosen.flip), **result}


def _choice(source: str | os.PathLike[str] | ModelChoice, flip: bool) -> ModelChoice:
    if isinstance(source, ModelChoice):
        return source
    return ModelChoice(source=str(source), flip=flip)


def _settings(photos: crop_lib.Photos, flip: bool) -> dict[str, Any]:
    return {"masks": photos.masks, "seed": photos.seed, "flip": flip}
