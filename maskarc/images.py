"""Reading and writing photos safely: one decoder for the whole library.

A photo is RGB uint8 [H, W, 3], upright (EXIF orientation applied). Files are only
ever read; writing goes to a temporary name first, so that no half-written file is
left behind.
"""

import os
import pathlib
import warnings

import numpy as np
import PIL.ExifTags
import PIL.Image

# About 11,500 × 11,500: 400 MB of RGB. Larger files are refused before decoding.
MAX_PIXELS = 2**27

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

# EXIF orientation → what makes the image upright.
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """A file that cannot be used as a photo; the message says why."""


def read_image(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads a photo of any common mode as RGB.

    Grey, palette, CMYK, 16-bit and transparent files are converted; transparency is
    laid on white; EXIF rotation is applied.

    Args:
      path: the file.
      max_pixels: larger images are refused from their header, before decoding.

    Returns:
      uint8[H, W, 3], RGB, contiguous.

    Raises:
      FileNotFoundError: there is no such file.
      ImageError: empty, truncated, not an image, or too large.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no photo at {path}")
    if path.stat().st_size == 0:
        raise ImageError(f"{path.name}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF blocks
            with PIL.Image.open(path) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise ImageError(
                        f"{path.name}: {width}×{height} pixels exceed the limit of "
                        f"{max_pixels}; scale the photo down first"
                    )
                return _to_rgb(_upright(image))
    except PIL.UnidentifiedImageError as error:
        raise ImageError(f"{path.name}: not an image that can be decoded") from error
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(f"{path.name}: {error}; scale the photo down first") from error
    except ImageError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise ImageError(f"{path.name}: damaged image ({error})") from error


def _upright(image: PIL.Image.Image) -> PIL.Image.Image:
    """Applies the EXIF orientation; unlike Pillow's, minds no other broken tag."""
    turn = _TURNS.get(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: PIL.Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image, np.float64)
        # 16-bit files fill 0..65535; "I" may hold 8-bit values as well, "F" does.
        wide = image.mode.startswith("I;16") or (image.mode == "I" and grey.max() > 255)
        top = 65535.0 if wide else 255.0
        grey = np.clip(np.round(grey * (255.0 / top)), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = PIL.Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes uint8[H, W, 3|4] RGB(A) or [H, W] atomically; the suffix sets the format.

    JPEG is written at quality 95. Missing folders are made.

    Raises:
      ValueError: an unknown suffix or an array that is not uint8.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"cannot write {path.name}: expected one of {', '.join(sorted(SUFFIXES))}"
        )
    if image.dtype != np.uint8:
        raise ValueError(f"expected a uint8 image, got {image.dtype}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    PIL.Image.fromarray(image).save(partial, quality=95)
    os.replace(partial, path)


def list_images(root: str | os.PathLike[str]) -> list[str]:
    """Paths of the images below a folder, '/'-separated, relative and sorted.

    The order does not depend on the machine. Hidden files and folders are left out.

    Raises:
      FileNotFoundError: the folder does not exist.
    """
    root = pathlib.Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}")
    found = (p.relative_to(root) for p in root.rglob("*"))
    return sorted(
        p.as_posix()
        for p in found
        if p.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in p.parts)
    )
