"""A teacher's embeddings of the photos to train on, and what is done with them."""

import dataclasses

import jax
import numpy as np
import pytest

from maskarc import inference, models
from maskarc.convert import own_file
from maskarc.data import pipeline, synthetic, transforms
from maskarc.train import engine, inputs, loop, parallel, teaching
from tests.train import tiny


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    tiny.register()


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A weights file of a small network of other size than the student's crops."""
    backbone = models.create("tiny", image_size=40, embed_dim=16)
    params, stats = backbone.init(jax.random.key(5))
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    own_file.save(
        path,
        own_file.Weights(backbone=backbone, params=params, stats=stats, crop="arcface"),
    )
    return path


def settings(teacher, **changes):
    return dataclasses.replace(
        tiny.SETTINGS, teacher=str(teacher), devices=1, **changes
    )


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_targets_are_the_teachers_embeddings_of_bare_photos(teacher, tmp_path):
    source = inputs.create_source(settings(teacher), tmp_path)
    faces = synthetic.SyntheticFaces(5, 8, seed=0)
    embedder = inference.Embedder.load(teacher)
    cut = transforms.AlignedCrop(40)
    crops = [cut.random_map(faces[i], np.random.default_rng(0)) for i in (0, 17)]
    crops = [crop["image"] for crop in crops]
    both = embedder.embed(crops) + embedder.embed([crop[:, ::-1] for crop in crops])
    for index, expected in zip((0, 17), unit(both), strict=True):
        np.testing.assert_allclose(source[index]["target"], expected, atol=1e-5)
    # The table is not made again.
    before = (tmp_path / "teacher.npy").stat().st_mtime_ns
    inputs.create_source(settings(teacher), tmp_path)
    assert (tmp_path / "teacher.npy").stat().st_mtime_ns == before


def test_a_table_is_read_by_name(tmp_path):
    rows = np.random.default_rng(0).standard_normal((3, 4))
    rows[1] = np.nan
    path = tmp_path / "teacher.npz"
    np.savez(path, names=np.array(["a", "b", "c"]), embeddings=rows)
    read = teaching.read_table(path, ("c", "b"))
    np.testing.assert_allclose(read, [rows[2], np.zeros(4)], atol=1e-6)
    with pytest.raises(ValueError, match="lacks 1 of the 2 photos, such as d"):
        teaching.read_table(path, ("a", "d"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        teaching.read_table(tmp_path / "nowhere.npz", ("a",))
    np.savez(path, names=np.array(["a", "b", "a"]), embeddings=rows)
    with pytest.raises(ValueError, match="names some photos twice"):
        teaching.read_table(path, ("a",))
    np.savez(path, rows=rows)
    with pytest.raises(ValueError, match="expected names and embeddings"):
        teaching.read_table(path, ("a",))


def test_a_student_comes_to_agree_with_its_teacher(teacher, tmp_path):
    """Distillation alone, from classes' means; the way of a whole run."""
    config = settings(
        teacher,
        pairs=True,
        classification=0.0,
        distillation=1.0,
        consistency=0.5,
        prototypes_from_teacher=True,
        mask_probability=1.0,
        learning_rate=0.2,
        steps=40,
        checkpoint_every=40,
    )
    state = loop.train(config, tmp_path, progress=False)
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    header, *values = (row.split(",") for row in rows)
    column = header.index("distillation")
    apart = [float(row[column]) for row in values]
    assert np.mean(apart[-5:]) < 0.5 * np.mean(apart[:3])
    # Prototypes had no gradient but their decay, which turns none.
    taught = inputs.taught_part(inputs.create_source(config, tmp_path))
    means = taught.class_means()
    np.testing.assert_allclose(unit(np.asarray(state.prototypes)), means, atol=1e-5)


@pytest.mark.parametrize(
    "spread", [{"devices": 4}, {"devices": 4, "parallel": "pmap"}, {"accumulate": 2}]
)
def test_pairs_and_targets_are_spread_like_a_batch(spread):
    """dlib's network: its images do not depend on each other."""
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.integers(0, 256, (8, 2, 103, 103, 3), np.uint8),
        "label": rng.integers(0, 5, 8).astype(np.int32),
        "target": unit(rng.standard_normal((8, 128))).astype(np.float32),
    }
    config = dataclasses.replace(
        tiny.SETTINGS,
        model="dlib_resnet29",
        image_size=103,
        width=4,
        embed_dim=128,
        pairs=True,
        teacher="given",
        batch_size=8,
        momentum=0.0,
        classification=0.5,
        consistency=1.0,
        distillation=2.0,
    )
    losses = []
    for changes in ({"devices": 1}, {"devices": 1, **spread}):
        made = engine.create(dataclasses.replace(config, **changes), 5, 128)
        _, metrics = made.step(made.init(0), made.put(batch))
        losses.append({name: float(value) for name, value in metrics.items()})
    assert losses[0] == pytest.approx(losses[1], rel=2e-4)
    weighted = [
        weight * losses[0][name]
        for name, weight in (
            ("classification", 0.5),
            ("consistency", 1.0),
            ("distillation", 2.0),
        )
    ]
    assert losses[0]["loss"] == pytest.approx(sum(weighted), rel=1e-5)


def test_a_photo_that_vanishes_later_takes_its_target_with_it(teacher, tmp_path):
    """Another photo of the person stands in for it, with its own target."""
    photos = tmp_path / "photos"
    synthetic.write_folder(synthetic.SyntheticFaces(2, 3, seed=0), photos)
    config = settings(
        teacher,
        source="folder",
        data_dir=str(photos),
        landmarks=str(photos / "landmarks.npz"),
    )
    before = inputs.create_source(config, tmp_path)
    others = [before[1]["target"], before[2]["target"]]
    (photos / before.names[0]).unlink()
    after = inputs.create_source(config, tmp_path)[0]["target"]
    assert any(np.array_equal(after, other) for other in others)


def test_photos_of_nobody_known_are_for_the_teacher_alone(teacher, tmp_path):
    """Their labels are in no loss, and their embeddings in no person's mean."""
    photos = tmp_path / "photos"
    synthetic.write_folder(synthetic.SyntheticFaces(2, 3, seed=9), photos)
    config = settings(
        teacher,
        unlabelled_dir=str(photos),
        unlabelled_landmarks=str(photos / "landmarks.npz"),
        prototypes_from_teacher=True,
        distillation=1.0,
        steps=2,
        batch_size=46,
    )
    source = inputs.create_source(config, tmp_path)
    assert len(source) == 46 and source.num_classes == 5
    assert [source[index]["label"] for index in (39, 40, 45)] == [4, -1, -1]
    assert source.names[40].startswith("unlabelled/")
    (tmp_path / "alone").mkdir()
    alone = inputs.create_source(
        dataclasses.replace(config, unlabelled_dir=""), tmp_path / "alone"
    )
    means = [inputs.taught_part(one).class_means() for one in (source, alone)]
    np.testing.assert_allclose(*means, atol=1e-6)
    loop.train(config, tmp_path, progress=False)


def test_the_loss_is_the_mean_over_known_people():
    config = dataclasses.replace(tiny.SETTINGS, devices=1, batch_size=8)
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 2, 3, -1, -1, -1, -1], np.int32)
    images = rng.integers(0, 256, (8, 32, 32, 3), np.uint8)
    made = engine.create(config, 5)
    _, metrics = made.step(made.init(0), made.put({"image": images, "label": labels}))
    # BatchNorm's statistics are of all images, so the embeddings are the same.
    doubled = np.concatenate([labels[:4], labels[:4]])
    _, other = made.step(made.init(0), made.put({"image": images, "label": doubled}))
    state = made.init(0)
    embeddings, _ = made.trainer.backbone.apply(
        state.params, state.stats, images, train=True
    )
    cosines = unit(np.asarray(embeddings)) @ unit(np.asarray(state.prototypes)).T
    own = cosines[np.arange(4), labels[:4]]
    assert float(metrics["target_cosine"]) == pytest.approx(own.mean(), abs=1e-5)
    hits = (cosines[:4].argmax(axis=1) == labels[:4]).mean()
    assert float(metrics["accuracy"]) == pytest.approx(hits)
    assert float(metrics["loss"]) != pytest.approx(float(other["loss"]), rel=1e-3)


def test_a_teacher_of_another_size_is_refused():
    config = dataclasses.replace(
        tiny.SETTINGS, teacher="given", distillation=1.0, devices=1
    )
    with pytest.raises(ValueError, match="have 32 numbers: set embed_dim"):
        engine.create(config, 5, 32)


def test_a_batch_is_described_as_the_pipeline_makes_it(teacher, tmp_path):
    config = settings(teacher, pairs=True)
    source = inputs.create_source(config, tmp_path)
    dataset = pipeline.batches(
        source, inputs.augmentations(config), batch_size=4, seed=0
    )
    made = engine.create(config, 5, 16)
    expected = parallel.abstract_batch(made.trainer, 4, pairs=True, target_dim=16)
    found = {name: (array.shape, array.dtype) for name, array in dataset[0].items()}
    assert found == {name: (x.shape, x.dtype) for name, x in expected.items()}
