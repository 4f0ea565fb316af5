"""What refusing bad photos changes: false acceptances and refusals by what spoils them.

    python -m benchmarks.quality --faces=../shared/faces [--every=13] [--spoils=blur]

Photos of genuine pairs of LFW's View 1 are spoilt in grades, unmasked and in rendered
masks, and compared by the recogniser in use, which finds the faces again: each photo
with each of other people, for the false acceptance rate, and with each of the person.
Of unmasked pairs both photos are spoilt or one, of those with masks both.

Then the refusals among photos that nothing spoilt: all of View 1, photos of real masks,
and 500 training photos of each origin, in all and by the brightness of the face.
"""

import pathlib
import random
import zlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from absl import app, flags

from maskarc import face_quality, images, landmarks, masked_views, recognizer
from maskarc.data import crops
from maskarc.data import pairs as pair_lists
from maskarc.masks import database, mixture, wearing

_FACES = flags.DEFINE_string("faces", None, "Folder of real faces.", required=True)
_EVERY = flags.DEFINE_integer("every", 13, "Of View 1's genuine pairs, one in so many.")
_SPOILS = flags.DEFINE_list("spoils", [], "Names or their beginnings; all by default.")

_FAR = 1e-2
Spoil = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def _blur(deviation: float) -> Spoil:
    return lambda image, width, rng: cv2.GaussianBlur(image, (0, 0), deviation)


def _motion(length: int) -> Spoil:
    def spoil(image: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
        angle, middle = rng.uniform(0, np.pi), length // 2 + 1
        way = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        ends = [np.round(middle + sign * way).astype(int).tolist() for sign in (-1, 1)]
        kernel = np.zeros((2 * middle + 1, 2 * middle + 1), np.float32)
        cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA)
        return cv2.filter2D(image, -1, kernel / kernel.sum())

    return spoil


def _small(pixels: int, *, enlarged: bool = False) -> Spoil:
    """Faces of so many pixels; or such, enlarged again by whoever sent them."""

    def spoil(image: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
        size = image.shape[1::-1]
        less = [max(round(side * pixels / width), 4) for side in size]
        small = cv2.resize(image, less, interpolation=cv2.INTER_AREA)
        if not enlarged:
            return small
        return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)

    return spoil


def _light(factor: float, noise: float = 0.0) -> Spoil:
    return lambda image, width, rng: _grey_levels(
        image * factor + rng.normal(0, noise, image.shape)
    )


def _jpeg(quality: int) -> Spoil:
    def spoil(image: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return cv2.imdecode(cv2.imencode(".jpg", image, options)[1], cv2.IMREAD_COLOR)

    return spoil


def _blurred_then(deviation: float, then: Spoil) -> Spoil:
    first = _blur(deviation)
    return lambda image, width, rng: then(first(image, width, rng), width, rng)


def _grey_levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


# LFW's faces are about 97 pixels wide, and its photos 250.
SPOILS: dict[str, Spoil] = {
    "as they are": lambda image, width, rng: image,
    **{f"blur σ {n:g}": _blur(n) for n in (1, 1.5, 2, 3, 4, 6)},
    **{f"motion {n}": _motion(n) for n in (8, 12)},
    **{f"face of {n}": _small(n) for n in (10, 14, 20, 28, 40)},
    "face of 20, enlarged": _small(20, enlarged=True),
    **{f"light × {x:g}": _light(x) for x in (0.05, 0.12, 0.2, 0.3)},
    "light × 0.12, noise 2": _light(0.12, 2),
    **{f"light × {x:g}": _light(x) for x in (1.5, 2, 4)},
    "noise 20": _light(1, 20),
    "noise 40": _light(1, 40),
    "blur σ 4, noise 8": _blurred_then(4, _light(1, 8)),
    "blur σ 3, JPEG 20": _blurred_then(3, _jpeg(20)),
    "JPEG 10": _jpeg(10),
}


def main(_) -> None:
    """Prints the tables."""
    root = pathlib.Path(_FACES.value)
    recognise = recognizer.Recognizer.load()
    lfw = root / "lfw" / "images"
    view_1 = [
        pair_lists.read_pairs(root / "lfw" / f"{name}.txt", lfw)
        for name in ("pairsDevTrain", "pairsDevTest")
    ]
    spoilt(recognise, lfw, _genuine(view_1, _EVERY.value))
    unspoilt(
        recognise, root, sorted({n for v in view_1 for n in (*v.first, *v.second)})
    )


def spoilt(
    recognise: recognizer.Recognizer,
    root: pathlib.Path,
    genuine: list[tuple[str, str]],
) -> None:
    """Prints the tables of spoilt photos."""
    names = sorted({name for pair in genuine for name in pair})
    people = np.array([pair_lists.person_of(name) for name in names])
    is_same = people[:, None] == people
    photos = [images.read_image(root / name) for name in names]
    points = [_points(recognise.detector, photo) for photo in photos]
    widths = [
        face_quality.measure(photo, at).width
        for photo, at in zip(photos, points, strict=True)
    ]
    masks = mixture.parse(database.BUILTIN)
    masked = [
        wearing.put_on(photo, at, masks, wearing.photo_rng(0, name)).image
        for photo, at, name in zip(photos, points, names, strict=True)
    ]
    print(f"{len(names)} photos, {len(set(people))} people; per cent of pairs")
    print("accepted before → after, refused: of impostor pairs | of genuine pairs")
    good = None
    for kind, spoil in SPOILS.items():
        if (
            good is not None
            and _SPOILS.value
            and not kind.startswith(tuple(_SPOILS.value))
        ):
            continue
        both = []
        for pictures in (photos, masked):
            spoilt_ones = [
                spoil(picture, width, np.random.default_rng(zlib.crc32(name.encode())))
                for picture, width, name in zip(pictures, widths, names, strict=True)
            ]
            both.append(recognise.embed(spoilt_ones, against_masked=True))
        bare, worn = both
        good = bare if good is None else good
        print(f"{kind}:")
        for condition, one, other in (
            ("unmasked, both", bare, bare),
            ("unmasked, one", good, bare),
            ("unmasked–masked", bare, worn),
            ("masked–masked", worn, worn),
        ):
            row = _row(recognise, one, other, is_same)
            print(f"  {condition:16} {row}", flush=True)


def _row(
    recognise: recognizer.Recognizer,
    one: list[recognizer.Embedded],
    other: list[recognizer.Embedded],
    is_same: np.ndarray,
) -> str:
    """Impostor and genuine pairs: accepted before and after, refused, and judged."""
    is_masked = [
        np.array([face.masked >= masked_views.LEAST for face in faces], int)
        for faces in (one, other)
    ]
    levels = np.array([dict(rates)[_FAR] for rates in recognise.thresholds.values()])
    thresholds = levels[is_masked[0][:, None] + is_masked[1]]
    similarities = recognise.similarities(one, other)
    accepted = similarities >= thresholds
    found = np.isfinite(similarities) & ~np.eye(len(is_same), dtype=bool)
    doubted = [np.array([bool(face.doubt) for face in faces]) for faces in (one, other)]
    clear = ~(doubted[0][:, None] | doubted[1])
    cells = []
    for kind in (~is_same, is_same):
        pairs = found & kind
        judged, count = pairs & clear, max(pairs.sum(), 1)
        before, after = (accepted & pairs).sum(), (accepted & judged).sum()
        cells.append(
            f"{before / count:.1%} → {after / count:.1%}, refused "
            f"{1 - judged.sum() / count:.1%}, {after} of {judged.sum()} judged"
        )
    return " | ".join(cells)


def unspoilt(
    recognise: recognizer.Recognizer, root: pathlib.Path, view_1: list[str]
) -> None:
    """Prints the refusals among photos as they are."""
    sets = {"View 1": [f"lfw/images/{name}" for name in view_1]}
    for name in ("mfr2_dev", "rof_dev", "masked_photos"):
        sets[name] = [f"{name}/{path}" for path in images.list_images(root / name)]
    train = images.list_images(root / "train")
    random.Random(0).shuffle(train)
    for origin in ("celeba", "frontal", "profile", "pins", "rof", "rmfrd", "masked"):
        of_it = [f"train/{path}" for path in train if _is_of(path, origin)]
        sets[f"train, {origin}"] = of_it[:500]
    for name, paths in sets.items():
        print(f"{name}: {_refusals(recognise.detector, root, paths)}", flush=True)


def _refusals(
    detector: landmarks.Detector, root: pathlib.Path, paths: list[str]
) -> str:
    """Share of refused photos, of each third by brightness, and how many why."""

    def look(index: int) -> face_quality.Quality | None:
        photo = images.read_image(root / paths[index])
        at = _points(detector, photo)
        return None if at is None else face_quality.measure(photo, at)

    found = [quality for quality in crops.read_ahead(look, len(paths)) if quality]
    found.sort(key=lambda quality: quality.brightness)
    doubts = [face_quality.doubt(quality) for quality in found]
    thirds = np.array_split(np.array([bool(doubt) for doubt in doubts]), 3)
    reasons = sorted(doubt for doubt in doubts if doubt)
    return (
        f"{len(reasons)} of {len(found)} refused ({len(reasons) / len(found):.2%}; "
        f"of the darkest, middle and brightest third "
        f"{', '.join(f'{third.mean():.2%}' for third in thirds)}) {'; '.join(reasons)}"
    )


def _is_of(path: str, origin: str) -> bool:
    return origin in path.rpartition("/")[2] or path.startswith(f"{origin}_")


def _genuine(lists: Iterable[pair_lists.Pairs], every: int) -> list[tuple[str, str]]:
    """One in so many genuine pairs of each list."""
    return [
        (one.first[row], one.second[row])
        for one in lists
        for row in np.flatnonzero(one.is_same)[::every].tolist()
    ]


def _points(detector: landmarks.Detector, photo: np.ndarray) -> np.ndarray | None:
    face = landmarks.main_face(detector(photo), photo.shape)
    return None if face is None else landmarks.to_landmarks(face.points, face.layout)


if __name__ == "__main__":
    app.run(main)
