"""Mask databases on disk: versioned JSON with the pictures inside.

A database is ``{"format": "maskarc-masks", "version": 1, "masks": [...]}``. Each mask
holds the fields of `types.Mask`; its picture is a PNG, either in base64 as ``"png"`` or
beside the JSON as ``"image"``, a path relative to it. A built-in drawing is kept by its
name alone, as ``"drawing"``. The format of the system that
maskarc follows, ``{"masks": [{"s1", "s2", "points", "base64_img"}]}``, is read as well.
"""

import base64
import binascii
import io
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from maskarc import files, geometry
from maskarc.landmarks import pose
from maskarc.masks import drawing, light, types
from maskarc.opencv import cv2

FORMAT, VERSION = "maskarc-masks", 1
# Instead of a path: the drawings of `drawing.builtin_masks`.
BUILTIN = "builtin"
# Larger pictures are refused from their header, before decoding.
MAX_PIXELS = 2**24

# The original format's points: nose bridge, then the jaw.
_ORIGINAL_INDICES = np.array([28, *range(1, 16)])


def load(path: str | os.PathLike[str]) -> tuple[types.Mask, ...]:
    """Reads a database, or draws the masks of "builtin".

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: not a mask database, of a newer version, without masks, or damaged;
        the message names the mask.
    """
    if os.fspath(path) == BUILTIN:
        return drawing.builtin_masks()
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no mask database at {path}")
    try:
        content = files.read_json(path)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: not a JSON file ({error})") from error
    is_original = _check_format(content, path.name)
    records = content["masks"]
    if not isinstance(records, list) or not records:
        raise ValueError(f"{path.name}: the database holds no masks")
    masks = []
    for number, record in enumerate(records):
        try:
            if is_original:
                masks.append(_from_original(record, f"original_{number:04d}"))
            else:
                masks.append(_from_record(record, path.parent))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"{path.name}: mask {number}: {reason}") from error
    names = [mask.name for mask in masks]
    if len(set(names)) < len(names):
        raise ValueError(f"{path.name}: mask names occur twice")
    return tuple(masks)


def save(path: str | os.PathLike[str], masks: Sequence[types.Mask]) -> None:
    """Writes a database with the pictures inside, atomically; makes the folder.

    Raises:
      ValueError: there are no masks, two of one name, or a variation of a drawing.
    """
    if not masks or len({mask.name for mask in masks}) < len(masks):
        raise ValueError("expected one or more masks of different names")
    content = {
        "format": FORMAT,
        "version": VERSION,
        "masks": [_to_record(mask) for mask in masks],
    }
    files.write_json(path, content, indent=1)


def add(path: str | os.PathLike[str], mask: types.Mask) -> None:
    """Adds a mask to a database, which is made if it does not exist.

    Raises:
      ValueError: it has a mask of this name, is damaged, or not in this format.
    """
    masks = _load_own(pathlib.Path(path)) if os.path.exists(path) else ()
    if any(other.name == mask.name for other in masks):
        raise ValueError(f"{path} has a mask {mask.name!r} already; give another name")
    save(path, (*masks, mask))


def _load_own(path: pathlib.Path) -> tuple[types.Mask, ...]:
    masks = load(path)
    if "format" not in files.read_json(path):
        raise ValueError(f"{path} is in a foreign format, which is only read")
    return masks


def _check_format(content: Any, name: str) -> bool:
    """Whether the content is in the original's format; raises if in no known one."""
    if not isinstance(content, dict) or "masks" not in content:
        raise ValueError(f"{name}: not a mask database: it has no 'masks'")
    if "format" not in content:
        return True
    if content["format"] != FORMAT:
        raise ValueError(
            f"{name}: expected the format {FORMAT!r}, got {content['format']!r}"
        )
    version = content.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{name}: expected a version number, got {version!r}")
    if version > VERSION:
        raise ValueError(
            f"{name}: version {version} is newer than this maskarc reads ({VERSION}); "
            "update maskarc"
        )
    return False


def _to_record(mask: types.Mask) -> dict[str, Any]:
    if mask.sheet is not None:
        if mask not in drawing.builtin_masks():
            raise ValueError(
                f"{mask.name} is a variation of a drawing; only cut-outs and the "
                "built-in drawings themselves can be saved"
            )
        return {"name": mask.name, "drawing": mask.name}
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(mask.rgba)).save(buffer, "PNG")
    return {
        "name": mask.name,
        "kind": mask.kind,
        "landmarks": [[round(float(v), 3) for v in point] for point in mask.landmarks],
        "indices": mask.indices.tolist(),
        "pose": {
            "yaw": mask.pose.yaw,
            "pitch": mask.pose.pitch,
            "roll": mask.pose.roll,
        },
        "luminance": mask.luminance,
        "source": mask.source,
        "source_size": list(mask.source_size),
        "png": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }


def _from_record(record: dict[str, Any], folder: pathlib.Path) -> types.Mask:
    if "drawing" in record:
        for mask in drawing.builtin_masks():
            if mask.name == record["drawing"]:
                return mask
        raise ValueError(
            f"unknown drawing {record['drawing']!r}; expected one of "
            f"{', '.join(drawing.STYLES)}"
        )
    if "png" in record:
        rgba, has_alpha = decode_png(_unbase64(record["png"]))
    else:
        rgba, has_alpha = decode_png(_read_beside(record["image"], folder))
    if not has_alpha:
        raise ValueError("the picture has no alpha channel")
    width, height = record.get("source_size", (0, 0))
    return types.Mask(
        name=str(record["name"]),
        kind=str(record["kind"]),
        rgba=rgba,
        landmarks=np.array(record["landmarks"], np.float32),
        indices=np.array(record["indices"]),
        pose=geometry.Pose(
            **{
                angle: float(record["pose"][angle])
                for angle in ("yaw", "pitch", "roll")
            }
        ),
        luminance=float(record["luminance"]),
        source=str(record.get("source", "")),
        source_size=(int(width), int(height)),
    )


def _from_original(record: dict[str, Any], name: str) -> types.Mask:
    """A mask of the original: roll undone already; red and blue swapped in the PNG."""
    rgba, has_alpha = decode_png(_unbase64(record["base64_img"]))
    rgba = rgba[..., [2, 1, 0, 3]]
    points = np.array(record["points"], np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 16:
        raise ValueError(f"expected 16 points [16, 2], got {points.shape}")
    points = points[:16]
    if not has_alpha:
        outline = np.rint(points).astype(np.int32)
        rgba[..., 3] = cv2.fillPoly(np.zeros(rgba.shape[:2], np.uint8), [outline], 255)
    return types.Mask(
        name=name,
        kind=types.PHOTO,
        rgba=rgba,
        landmarks=points,
        indices=_ORIGINAL_INDICES,
        pose=pose.head_pose(points, _ORIGINAL_INDICES),
        luminance=light.USUAL,
    )


def _unbase64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("the picture is not valid base64") from error


def _read_beside(name: str, folder: pathlib.Path) -> bytes:
    """A picture's file, which must lie in the database's folder or below it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"the picture {name!r} is outside the database's folder")
    if not path.is_file():
        raise ValueError(f"the picture {name!r} does not exist")
    return path.read_bytes()


def decode_png(data: bytes) -> tuple[np.ndarray, bool]:
    """A PNG as uint8[h, w, 4], and whether it has transparency.

    Raises:
      ValueError: not a PNG, damaged, or larger than `MAX_PIXELS`.
    """
    try:
        with PIL.Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"{image.width}×{image.height} pixels exceed the limit of "
                    f"{MAX_PIXELS}"
                )
            has_alpha = "A" in image.getbands() or "transparency" in image.info
            return np.array(image.convert("RGBA")), has_alpha
    except ValueError:
        raise
    except Exception as error:  # decoders throw anything
        raise ValueError("the picture is not a readable PNG") from error
