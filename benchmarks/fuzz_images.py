"""Damages small photos of every format in every way and decodes them.

    python -m benchmarks.fuzz_images [--count=200000] [--seed=0]

Pillow, and pillow-heif where it is there, write a picture in all formats and modes that
they can. Of these files bytes are changed, cut out, doubled and cut off, numbers of the
header are replaced by odd ones, and pieces of other files set in; half of the PNGs get
right checksums again. `images.decode_image` must give a photo or an `ImageError`.

The work is done in one process at a time, with a limit to its memory. Where one dies or
hangs, the next goes on behind that file. Prints what came of it by format, the slowest
file, the memory at its peak, and of each fault the command that repeats it.
"""

import collections
import faulthandler
import io
import itertools
import multiprocessing
import resource
import time
import warnings
import zlib
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import PIL.Image
from absl import app, flags

from maskarc import images

_COUNT = flags.DEFINE_integer("count", 200_000, "Damaged files.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the damage.")
_FIRST = flags.DEFINE_integer("first", 0, "Number of the first file.")
_GIGABYTES = flags.DEFINE_float("gigabytes", 3.0, "Memory for the process to ask for.")
_SECONDS = flags.DEFINE_float("seconds", 20.0, "What takes longer hangs.")

_MODES = ("RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")
_OPTIONS = (
    ("JPEG", {"progressive": True}),
    ("PNG", {"save_all": True, "append_images": [PIL.Image.new("RGB", (24, 16))]}),
    ("GIF", {"save_all": True, "append_images": [PIL.Image.new("RGB", (24, 16))]}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True, "append_images": [PIL.Image.new("RGB", (24, 16))]}),
    *(("TIFF", {"compression": c}) for c in ("tiff_lzw", "jpeg", "packbits", "zlib")),
    ("TIFF", {"big_tiff": True}),
    ("JPEG2000", {"no_jp2": True}),
)
# At most so many pixels; a header may promise more.
_MAX_PIXELS = 2**20
_ODD = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


def whole_files() -> dict[str, bytes]:
    """A small picture in all formats and modes that can be written, by their names."""
    PIL.Image.init()
    rng = np.random.default_rng(0)
    noise = PIL.Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8))
    picture = noise.resize((24, 16), PIL.Image.Resampling.BICUBIC)
    ways = itertools.chain(
        itertools.product(sorted(PIL.Image.SAVE), _MODES, ({},)),
        ((name, "RGB", options) for name, options in _OPTIONS),
    )
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    found = _heic_files(picture, exif)
    for name, mode, options in ways:
        buffer = io.BytesIO()
        try:
            _converted(picture, mode).save(buffer, name, exif=exif.tobytes(), **options)
        except Exception:  # not in this mode
            continue
        found[" ".join([name, mode, *map(str, options.values())])[:40]] = (
            buffer.getvalue()
        )
    return found


def _heic_files(picture: PIL.Image.Image, exif: PIL.Image.Exif) -> dict[str, bytes]:
    try:
        import pillow_heif
    except ImportError:
        return {}
    found = {}
    for mode in ("RGB", "RGBA", "L", "I;16"):
        buffer = io.BytesIO()
        heif = pillow_heif.from_pillow(_converted(picture, mode))
        heif.save(buffer, exif=exif.tobytes())
        found[f"HEIF {mode}"] = buffer.getvalue()
    return found


def _converted(picture: PIL.Image.Image, mode: str) -> PIL.Image.Image:
    if mode == "LAB":
        return PIL.Image.frombytes("LAB", picture.size, picture.tobytes())
    if mode == "I;16":
        return PIL.Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 16)
    return picture.convert(mode)


def damaged(files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """The name of the whole file and the content of damaged file number so-and-so."""
    rng = np.random.default_rng([seed, number])
    names = sorted(files)
    name = names[number % len(names)]
    data = bytearray(files[name])
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(data) + 1))
        if rng.random() < 0.5:  # the header is where the numbers are
            at = min(at, int(rng.integers(160)))
        length = int(rng.integers(1, 33))
        match rng.integers(8):
            case 0 | 1:
                data[at : at + 1] = rng.bytes(1)
            case 2:
                data[at : at + length] = b""
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                del data[max(at, 1) :]
            case 5:
                other = files[names[int(rng.integers(len(names)))]]
                start = int(rng.integers(len(other)))
                data[at : at + length] = other[start : start + length]
            case _:
                width = int(rng.choice([1, 2, 4]))
                odd = int(rng.choice(_ODD)) % 256**width
                order = "little" if rng.random() < 0.5 else "big"
                data[at : at + width] = odd.to_bytes(width, order)
    if data.startswith(b"\x89PNG") and rng.random() < 0.5:
        _mend_checksums(data)
    return name, bytes(data)


def _mend_checksums(png: bytearray) -> None:
    at = 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        png[end : end + 4] = zlib.crc32(png[at + 4 : end]).to_bytes(4, "big")
        at = end + 4


def outcome(data: bytes) -> str:
    """What comes of decoding: "photo", "refused", or the fault."""
    try:
        photo = images.decode_image(data, "x", max_pixels=_MAX_PIXELS)
    except images.ImageError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        return f"{photo.dtype} of shape {photo.shape}"
    return "photo" if photo.flags.c_contiguous else "not contiguous"


def _work(
    send: Connection, seed: int, first: int, count: int, gigabytes: float
) -> None:
    """Decodes one file after another, and sends what comes of each."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    files = whole_files()
    limit = int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, count):
        name, data = damaged(files, seed, number)
        start = time.perf_counter()
        came = outcome(data)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        send.send((name, came, time.perf_counter() - start, peak))


def _results(
    seed: int, first: int, count: int, gigabytes: float, seconds: float
) -> Iterator[tuple[str, str, float, int]]:
    """Yields (whole file, outcome, seconds, peak memory in KiB) of each number."""
    context = multiprocessing.get_context("spawn")
    while first < count:
        receive, send = context.Pipe(duplex=False)
        worker = context.Process(
            target=_work, args=(send, seed, first, count, gigabytes), daemon=True
        )
        worker.start()
        send.close()
        started = False
        while first < count:
            came = None
            try:
                if receive.poll(seconds if started else 120):
                    came = receive.recv()
            except EOFError:
                worker.join()
            yield came or ("", f"died ({worker.exitcode})", 0.0, 0)
            first, started = first + 1, True
            if came is None:
                break
        worker.kill()
        worker.join()


def main(_) -> None:
    """Prints the counts, and the faults one by one."""
    counts: dict[str, collections.Counter[str]] = {}
    slowest, peak, faults = (0.0, 0), 0, 0
    start = time.monotonic()
    seed, first = _SEED.value, _FIRST.value
    results = _results(seed, first, _COUNT.value, _GIGABYTES.value, _SECONDS.value)
    for number, (name, came, seconds, memory) in enumerate(results, first):
        kind = name.partition(" ")[0] or "?"
        is_fault = came not in ("photo", "refused")
        counts.setdefault(kind, collections.Counter())[
            "fault" if is_fault else came
        ] += 1
        slowest, peak = max(slowest, (seconds, number)), max(peak, memory)
        if is_fault:
            faults += 1
            print(
                f"{name}: {came}; again: python -m benchmarks.fuzz_images "
                f"--seed={seed} --first={number} --count={number + 1}",
                flush=True,
            )
    for kind, count in sorted(counts.items()):
        print(
            f"{kind:10}", *(f"{count[k]:7} {k}" for k in ("photo", "refused", "fault"))
        )
    print(
        f"{sum(c.total() for c in counts.values())} files in "
        f"{time.monotonic() - start:.0f} s, {faults} faults; the slowest took "
        f"{slowest[0]:.2f} s (number {slowest[1]}); {peak / 1024:.0f} MiB at the peak"
    )


if __name__ == "__main__":
    app.run(main)
