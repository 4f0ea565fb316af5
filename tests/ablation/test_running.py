"""Small grids really trained, and workers that end in every way."""

import json
import os
import signal
import statistics
import sys
import threading
import time

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from maskarc import ablation, landmarks
from maskarc.ablation import records, running
from maskarc.data import synthetic
from maskarc.train import config as config_lib
from maskarc.train import divergence, interruption, loop, metrics

BASE = config_lib.TrainConfig(
    devices=1,
    source="synthetic",
    num_identities=4,
    photos_per_identity=4,
    image_size=32,
    stem="small",
    width=4,
    embed_dim=8,
    batch_size=4,
    steps=3,
    learning_rate=0.05,
    log_every=1,
    checkpoint_every=2,
)
# The other wants larger batches than there are photos.
AXES = {"batch_size": {"modest": 4, "greedy": 64}}
COLUMN = "new people, one masked"


def people(**options):
    return {
        "new people": ablation.Generated(
            identities=20, pairs=40, photos=2, masked=("second",), nearest=(), **options
        )
    }


GRID = ablation.Grid(base=BASE, axes=AXES, held_out=people(), seeds=(0, 1))


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory):
    """As the workers do: what several runs compile is kept."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(
        names, (str(tmp_path_factory.mktemp("compiled")), 0), strict=True
    ):
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def done(tmp_path_factory, compiled_once):
    """(folder, rows) of the grid after its first run."""
    folder = tmp_path_factory.mktemp("grid")
    return folder, ablation.perform(GRID, folder, jobs=0, progress=False)


def test_mean_and_deviation_are_those_of_the_runs(done):
    folder, (row, _) = done
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(
            folder.glob("runs/*modest*/scores/0_new-people/pairs_second/*.json")
        )
    ]
    accuracies = [result["accuracy"] for result in found]
    assert len(accuracies) == 2 and row.missing == () and row.failed == {}
    assert list(row.scores[COLUMN].values()) == accuracies
    plain = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    summary = plain["rows"][0]["scores"][COLUMN]
    assert summary["mean"] == pytest.approx(statistics.mean(accuracies))
    assert summary["std"] == pytest.approx(statistics.stdev(accuracies))
    assert row.chance[COLUMN] == 0.5


def test_a_failing_cell_is_reported_and_the_others_go_on(done):
    folder, (modest, greedy) = done
    assert modest.finished == (0, 1)
    reason = "ValueError: the source has 16 photos, fewer than one batch of 64"
    assert greedy.failed.keys() == {0, 1}
    assert all(why.startswith(reason) for why in greedy.failed.values())
    written = (folder / "table.md").read_text(encoding="utf-8")
    assert f"- greedy, seed 1: failed, {reason}" in written


def test_kept_checkpoints_are_scored(done):
    folder, (row, _) = done
    scores = json.loads(
        (folder / "runs/batch_size=modest,seed=1/scores.json").read_text("utf-8")
    )
    (first, early), (last, final) = scores["curve"]
    assert (first, last) == (2, 3) and 0 <= early <= 1
    assert final == row.scores[COLUMN][1]


def test_nothing_is_repeated(done, monkeypatch):
    folder, rows = done
    monkeypatch.setattr(loop, "train", None)
    assert ablation.perform(GRID, folder, jobs=0, progress=False) == rows


def test_failed_runs_are_tried_again_when_asked(done, monkeypatch):
    folder, _ = done
    tried = []

    def train(config, workdir, *, progress):
        tried.append(workdir.name)
        raise (MemoryError("4 GB") if config.seed else divergence.DivergedError("nan"))

    monkeypatch.setattr(loop, "train", train)
    rows = ablation.perform(GRID, folder, jobs=0, progress=False, retry_failed=True)
    assert tried == [f"batch_size=greedy,seed={seed}" for seed in (0, 1)]
    assert rows[1].failed == {
        0: "DivergedError: nan",
        1: "MemoryError: out of memory: 4 GB",
    }
    assert rows[0].finished == (0, 1)


def test_an_interrupted_run_goes_on_to_the_same_scores(done, tmp_path, monkeypatch):
    _, (row, _) = done
    runs = ablation.select(GRID, ["batch_size=modest"], [0])
    write, steps = metrics.MetricsWriter.write, []

    def interrupted(self, step, values):
        if step == 3 and 3 not in steps:
            steps.append(step)
            raise KeyboardInterrupt
        steps.append(step)
        write(self, step, values)

    monkeypatch.setattr(metrics.MetricsWriter, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ablation.perform(GRID, tmp_path, runs=runs, jobs=0, progress=False)
    again, _ = ablation.perform(GRID, tmp_path, runs=runs, jobs=0, progress=False)
    assert steps == [1, 2, 3, 3]
    assert again.scores[COLUMN][0] == row.scores[COLUMN][0]
    assert again.missing == (1,)


def test_a_folder_with_other_settings_stops_everything(done, monkeypatch):
    folder, _ = done
    other = ablation.Grid(
        base=config_lib.TrainConfig(**{**BASE.to_json(), "margin": 0.1}),
        axes=AXES,
        held_out=people(),
        seeds=(0, 1),
    )
    monkeypatch.setattr(loop, "train", None)
    with pytest.raises(ValueError, match=r"margin was 0\.5, now 0\.1"):
        ablation.perform(other, folder, jobs=0, progress=False)


# Workers, replaced by a line of Python that has the run folder in sys.argv[1].
KILLED = "import os; os.kill(os.getpid(), 9)"
ASKED = "import os; os.kill(os.getpid(), 15)"
BROKEN = "import sys; print('no such module'); sys.exit(1)"
PAUSED = "import sys; sys.exit(3)"


@pytest.fixture
def workers(monkeypatch):
    def replace(code):
        monkeypatch.setattr(running, "_WORKER", (sys.executable, "-c", code))

    return replace


@pytest.mark.parametrize(
    ("code", "failed"),
    [
        (KILLED, "ended by SIGKILL, perhaps out of memory"),
        (BROKEN, "ended with code 1; see log.txt"),
        (ASKED, None),
        (PAUSED, None),
    ],
)
def test_a_worker_that_leaves_no_record(code, failed, workers, tmp_path):
    workers(code)
    rows = ablation.perform(GRID, tmp_path, jobs=2, progress=False)
    for row in rows:
        if failed:
            assert row.failed == {0: failed, 1: failed}
        else:
            assert row.failed == {} and row.missing == (0, 1)
    if code == BROKEN:
        for log in tmp_path.glob("runs/*/log.txt"):
            assert log.read_text() == "no such module\n"


def test_each_of_the_jobs_has_a_device(workers, tmp_path, monkeypatch):
    workers(
        "import os, pathlib, sys, time; time.sleep(0.3);"
        "pathlib.Path(sys.argv[1], 'device').write_text("
        "os.environ['CUDA_VISIBLE_DEVICES'] + os.environ['JAX_COMPILATION_CACHE_DIR'])"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    ablation.perform(GRID, tmp_path, jobs=2, progress=False)
    given = [path.read_text() for path in tmp_path.glob("runs/*/device")]
    compiled = str(tmp_path / "compiled")
    assert sorted(given) == sorted([f"{d}{compiled}" for d in "3377"])


def test_a_termination_stops_the_workers_too(workers, tmp_path):
    end = tmp_path / "end"
    workers(f"import pathlib, time; time.sleep(60); pathlib.Path({str(end)!r}).touch()")

    def terminate():
        while not list(tmp_path.glob("runs/*/log.txt")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        ablation.perform(GRID, tmp_path, jobs=2, progress=False)
    assert not end.exists()
    assert not list(tmp_path.glob("runs/*/failure.json"))


def test_landmarks_are_found_once_a_folder(tmp_path, monkeypatch):
    photos = synthetic.SyntheticFaces(3, 2)
    synthetic.write_folder(photos, tmp_path / "photos")
    grid = ablation.Grid(
        base=config_lib.TrainConfig(
            source="folder",
            data_dir=str(tmp_path / "photos"),
            detector="counted",
            image_size=64,
        ),
        axes={"margin": (0.2, 0.5), "min_photos": (1, 2)},
        held_out={
            "same": ablation.Folder(
                images=str(tmp_path / "photos"), detector="counted", nearest=(False,)
            )
        },
    )
    seen = []
    real = landmarks.create_detector("canonical")

    def detector(image, name=""):
        seen.append(name)
        return real(image)

    monkeypatch.setattr(landmarks, "create_detector", lambda name: detector)
    for _ in range(2):
        tasks = ablation.prepare(grid, tmp_path / "grid", progress=False)
    assert sorted(seen) == sorted(photos.names)
    tables = {task.config.landmarks for task in tasks.values()}
    tables |= {task.held_out["same"].landmarks for task in tasks.values()}
    assert len(tasks) == 12 and len(tables) == 1
    assert len(landmarks.LandmarkTable.load(tables.pop())) == 6


def test_a_training_that_stops_early_is_not_scored(tmp_path, monkeypatch):
    def stopped(*args, **options):
        raise interruption.Interrupted(15, 2)

    monkeypatch.setattr(loop, "train", stopped)
    rows = ablation.perform(GRID, tmp_path, jobs=0, progress=False)
    assert [row.missing for row in rows] == [(0, 1), (0, 1)]
    assert not list(tmp_path.glob("runs/*/failure.json"))


def test_task_survives_its_file(tmp_path):
    for task in ablation.prepare(GRID, tmp_path, progress=False).values():
        task.write(tmp_path / "run")
        again = records.Task.read(tmp_path / "run")
        assert again.config == task.config
        assert again.to_json() == task.to_json()
