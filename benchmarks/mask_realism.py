"""Do drawn masks look, to a machine, like real ones?

    python -m benchmarks.mask_realism --mfr2=DIR --lfw=DIR [--cutouts=masks.json]

--mfr2 holds photos of people with and without real masks (identity/image.png and
mfr2_labels.txt), so the same people's bare photos can be masked here and compared.

1. What masks cost a recogniser that never saw any (dlib's network): pairs of a bare
   photo with a bare, a really masked and a masked-here one. Rendered masks should cost
   what real ones do.
2. Whether a classifier tells real masks from rendered ones, by the lower half of a
   crop (gradients and brightness): area under its ROC curve, people held out; 0.5
   is a coin. The same for the upper halves says how far the photos differ anyway.
"""

import collections
import csv
import pathlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from absl import app, flags
from sklearn import linear_model, metrics, model_selection, pipeline, preprocessing

from benchmarks import original_method
from maskarc import alignment, geometry, images, inference
from maskarc import landmarks as landmark_lib
from maskarc.data import pairs as pair_lists
from maskarc.masks import figures, mixture, wearing

_MFR2 = flags.DEFINE_string("mfr2", None, "Folder of MFR2.", required=True)
_LFW = flags.DEFINE_string("lfw", "", "Folder with images/ and pairsDevTest.txt.")
_CUTOUTS = flags.DEFINE_string("cutouts", "", "A masks.json, measured too.")
_MASKS = flags.DEFINE_string(
    "masks", "surgical[own|random]:4, cloth[own|random|pattern]:4, kn95:1, n95:1",
    "The drawings that are measured.",
)  # fmt: skip
_COPIES = flags.DEFINE_integer("copies", 4, "Renderings of each bare photo.")
_FIGURE = flags.DEFINE_string("figure", "", "PNG of real masks above rendered ones.")

Method = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
_FAR = 1e-2


def main(_) -> None:
    methods = {"drawings": _of_mixture(_MASKS.value), "original": _original()}
    if _CUTOUTS.value:
        methods["cut-outs"] = _of_mixture(_CUTOUTS.value)
    photos = _read_mfr2(pathlib.Path(_MFR2.value))
    print(f"MFR2: {collections.Counter(kind != 'no-mask' for *_, kind in photos)}")
    bare = [photo for photo in photos if photo[-1] == "no-mask"]
    real = [photo for photo in photos if photo[-1] != "no-mask"]
    rendered = {
        name: _rendered(bare, put_on, _COPIES.value) for name, put_on in methods.items()
    }
    recognise(bare, {"bare": bare, "real masks": real, **rendered})
    classify(real, rendered)
    if _LFW.value:
        lfw(pathlib.Path(_LFW.value), methods)
    if _FIGURE.value:
        rows = {"real": real, **rendered}
        cells = [crop for row in rows.values() for crop in _crops(row[:12])]
        images.write_image(_FIGURE.value, figures.grid(cells, columns=12, cell=150))


Photo = tuple[np.ndarray, np.ndarray, str, str]  # image, landmarks, person, kind


def _read_mfr2(root: pathlib.Path) -> list[Photo]:
    detector = landmark_lib.create_detector("mesh")
    found = []
    with open(root / "mfr2_labels.txt", encoding="utf-8") as file:
        for person, number, kind in csv.reader(file, skipinitialspace=True):
            image = images.read_image(root / person / f"{person}_{int(number):04}.png")
            face = landmark_lib.main_face(detector(image), image.shape)
            if face is not None:
                found.append((image, face.points[:, :2], person, kind))
    return found


def _of_mixture(text: str) -> Method:
    masks = mixture.parse(text, size_jitter=0.03, shift_jitter=0.02)
    return lambda image, points, rng: wearing.put_on(image, points, masks, rng).image


def _original() -> Method:
    cuts = original_method.cut_outs()

    def put_on(
        image: np.ndarray, points: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        del rng
        pose = landmark_lib.head_pose(points)
        nearest = original_method.nearest(cuts, pose.yaw)
        return original_method.render(image, points, nearest)[0]

    return put_on


def _rendered(bare: Iterable[Photo], put_on: Method, copies: int) -> list[Photo]:
    """Masked copies, with the landmarks that are found on them: as of real masks."""
    detector = landmark_lib.create_detector("mesh")
    made = []
    for copy in range(copies):
        for n, (image, points, person, _) in enumerate(bare):
            masked = put_on(image, points, np.random.default_rng([n, copy]))
            face = landmark_lib.main_face(detector(masked), masked.shape)
            found = points if face is None else face.points[:, :2]
            made.append((masked, found, person, ""))
    return made


def recognise(bare: list[Photo], probes: dict[str, list[Photo]]) -> None:
    """Prints what each kind of probe costs against bare photos."""
    embedder = inference.Embedder.load("dlib_resnet29", flip=True)
    gallery, owners = _embedded(embedder, bare), _owners(bare)
    print("\nagainst bare photos  genuine  similarity     d'  TAR at FAR 1e-2")
    for name, photos in probes.items():
        similarity, people = _embedded(embedder, photos) @ gallery.T, _owners(photos)
        # A photo and its own masked copy are no test.
        number = np.arange(len(photos))[:, None] % len(bare)
        usable = (number != np.arange(len(bare))) | (name == "real masks")
        genuine = usable & (people[:, None] == owners)
        impostor = usable & (people[:, None] != owners)
        yes, no = similarity[genuine], similarity[impostor]
        apart = (yes.mean() - no.mean()) / np.sqrt((yes.var() + no.var()) / 2)
        accepted = genuine & (similarity > np.quantile(no, 1 - _FAR))
        low, high = _interval(people, accepted.sum(axis=1), genuine.sum(axis=1))
        print(
            f"{name:20} {yes.size:7}  {yes.mean():10.3f}  {apart:5.2f}  "
            f"{accepted.sum() / yes.size:.3f} [{low:.3f}, {high:.3f}]"
        )


def _interval(
    people: np.ndarray, hits: np.ndarray, counts: np.ndarray
) -> tuple[float, float]:
    """95 % of the shares hits / counts, by drawing people anew."""
    names = np.unique(people)
    sums = np.array(
        [[row[people == one].sum() for one in names] for row in (hits, counts)]
    )
    rng = np.random.default_rng(0)
    drawn = sums[:, rng.integers(len(names), size=(2000, len(names)))].sum(axis=-1)
    low, high = np.quantile(drawn[0] / np.maximum(drawn[1], 1), (0.025, 0.975))
    return float(low), float(high)


def classify(real: list[Photo], rendered: dict[str, list[Photo]]) -> None:
    """Prints how well real and rendered masks are told apart, and by which half."""
    print("\ntold from real masks  lower half  upper half (area under the ROC)")
    for name, photos in rendered.items():
        both = real + photos
        is_real = np.arange(len(both)) < len(real)
        areas = []
        for half in (np.s_[56:], np.s_[:56]):
            features = np.stack([_features(crop[half]) for crop in _crops(both)])
            model = pipeline.make_pipeline(
                preprocessing.StandardScaler(),
                linear_model.LogisticRegression(
                    C=1e-3, class_weight="balanced", max_iter=2000
                ),
            )
            scores = model_selection.cross_val_predict(
                model,
                features,
                is_real,
                groups=_owners(both),
                cv=model_selection.GroupKFold(8),
                method="decision_function",
            )
            areas.append(metrics.roc_auc_score(is_real, scores))
        print(f"{name:20}  {areas[0]:10.3f}  {areas[1]:10.3f}")


def _features(half: np.ndarray) -> np.ndarray:
    """Gradients by place, and colours, of the half of a crop uint8[56, 112, 3]."""
    # All through one JPEG quality: its traces are no feature of a mask.
    _, content = cv2.imencode(".jpg", half, [cv2.IMWRITE_JPEG_QUALITY, 85])
    half = cv2.imdecode(content, cv2.IMREAD_COLOR)
    lab = cv2.cvtColor(half, cv2.COLOR_RGB2LAB).astype(np.float32)
    tiles = lab.reshape(4, 14, 8, 14, 3)
    means = tiles.mean(axis=(1, 3)).ravel() / 255
    # Brightness and how much it varies; the hue of a mask is no sign of its being real.
    varies = tiles[..., 0].std(axis=(1, 3)).ravel() / 64
    return np.concatenate([_gradients(lab[..., 0]), means[::3], varies])


def _gradients(grey: np.ndarray) -> np.ndarray:
    """Histograms of 9 directions in cells of 8 × 8 pixels, each of length 1."""
    x, y = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, ksize=1) for dx in (1, 0))
    direction = np.floor(np.arctan2(y, x) % np.pi / np.pi * 9).astype(int) % 9
    votes = np.hypot(x, y)[..., None] * (direction[..., None] == np.arange(9))
    cells = votes.reshape(len(grey) // 8, 8, grey.shape[1] // 8, 8, 9).sum(axis=(1, 3))
    return (cells / (np.linalg.norm(cells, axis=-1, keepdims=True) + 8)).ravel()


def lfw(root: pathlib.Path, methods: dict[str, Method]) -> None:
    """Prints dlib's scores on View 1's test pairs, the second photo bare or masked."""
    embedder = inference.Embedder.load("dlib_resnet29", flip=True)
    pairs = pair_lists.read_pairs(root / "pairsDevTest.txt", root / "images")
    names = sorted({*pairs.first, *pairs.second})
    number = {name: index for index, name in enumerate(names)}
    first, second = (
        np.array([number[name] for name in side])
        for side in (pairs.first, pairs.second)
    )
    detector, photos = landmark_lib.create_detector("mesh"), []
    for name in names:
        image = images.read_image(root / "images" / name)
        face = landmark_lib.main_face(detector(image), image.shape)
        if face is None:
            raise ValueError(f"no face was found on {name}")
        photos.append((image, face.points[:, :2], name.partition("/")[0], ""))
    gallery = _embedded(embedder, photos)
    print("\nLFW, second photo     similarity  accuracy  TAR at FAR 1e-2")
    for name, put_on in {"bare": None, **methods}.items():
        probes = photos if put_on is None else _rendered(photos, put_on, copies=1)
        similarity = (gallery[first] * _embedded(embedder, probes)[second]).sum(axis=1)
        genuine, impostor = similarity[pairs.is_same], similarity[~pairs.is_same]
        best = max(
            ((similarity >= t) == pairs.is_same).mean() for t in similarity.tolist()
        )
        tar = (genuine > np.quantile(impostor, 1 - _FAR)).mean()
        print(f"{name:20}  {genuine.mean():10.3f}  {best:8.3f}  {tar:.3f}")


def _embedded(embedder: inference.Embedder, photos: list[Photo]) -> np.ndarray:
    chips = (
        alignment.crop_face(image, points, size=embedder.image_size, crop=embedder.crop)
        for image, points, *_ in photos
    )
    embeddings = embedder.embed(chips)
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def _owners(photos: list[Photo]) -> np.ndarray:
    return np.array([person for _, _, person, _ in photos])


def _crops(photos: list[Photo]) -> Iterable[np.ndarray]:
    """Crops placed by the eyes alone: how a mask pulls at other points is no sign."""
    template = alignment.ARCFACE_TEMPLATE[:2]
    for image, points, *_ in photos:
        eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
        yield alignment.warp(image, geometry.fit_similarity(eyes, template), 112)


if __name__ == "__main__":
    app.run(main)
