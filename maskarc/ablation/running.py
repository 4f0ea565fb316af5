"""Runs the unfinished part of a grid, each run in a process of its own."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import tqdm

from maskarc import landmarks
from maskarc.ablation import figures, grid, held_out, naming, records, table, worker
from maskarc.train import config as config_lib
from maskarc.train import lock

_WORKER = (sys.executable, "-m", "maskarc.ablation.worker")
# Signals that ask a run to stop; it is gone on with next time.
_INTERRUPTIONS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def perform(
    whole: grid.Grid,
    workdir: str | os.PathLike[str],
    *,
    runs: Sequence[grid.Run] | None = None,
    jobs: int = 1,
    retry_failed: bool = False,
    progress: bool = True,
) -> list[table.Row]:
    """Trains and scores what is not finished, then writes the table of the whole grid.

    Repeating the call after any interruption goes on: finished runs are not repeated,
    an interrupted one continues from its last checkpoint. A run that fails is named in
    the table with its reason, and the others go on.

    Args:
      whole: the grid.
      workdir: folder of the grid, made if missing: runs/NAME, landmarks/, held_out/,
        table.csv, .json, .md and .png, curves.png.
      runs: the part to do (`grid.select`); by default all.
      jobs: processes at once; each gets one of the devices that CUDA_VISIBLE_DEVICES
        lists, where it lists several. 0 works in this process.
      retry_failed: try failed runs again.
      progress: show bars.

    Returns:
      The rows of the table (`table.rows`).

    Raises:
      ValueError: a run folder holds a run with other settings; nothing was started.
      lock.BusyError: another ablation is using the folder.
      FileNotFoundError, ImportError: as the landmark back ends raise them.
    """
    workdir = pathlib.Path(workdir)
    with lock.held(workdir / "ablation.lock"):
        return _perform(
            whole,
            workdir,
            whole.runs() if runs is None else list(runs),
            jobs=jobs,
            retry_failed=retry_failed,
            progress=progress,
        )


def _perform(
    whole: grid.Grid,
    workdir: pathlib.Path,
    chosen: list[grid.Run],
    *,
    jobs: int,
    retry_failed: bool,
    progress: bool,
) -> list[table.Row]:
    _check_folders(chosen, workdir)
    tasks = prepare(whole, workdir, progress=progress)
    folders = []
    for run in chosen:
        folder, task = workdir / "runs" / run.name, tasks[run.name]
        finished = records.read_scores(folder, task) is not None
        failed = not retry_failed and records.read_failure(folder, task) is not None
        if not finished and not failed:
            task.write(folder)
            (folder / records.FAILURE).unlink(missing_ok=True)
            folders.append(folder)
    if jobs == 0:
        for folder in folders:
            if not worker.perform(folder, progress=progress):
                break
    else:
        environment = {
            # Runs that differ in the seed alone are compiled once.
            "JAX_COMPILATION_CACHE_DIR": str((workdir / "compiled").resolve()),
            **os.environ,
        }
        _run_processes(folders, jobs, environment, progress=progress)
    rows = table.rows(whole, workdir, tasks)
    table.write(whole, rows, workdir)
    figures.draw_table(workdir / "table.png", whole, rows)
    figures.draw_curves(workdir / "curves.png", whole, rows, workdir)
    return rows


def prepare(
    whole: grid.Grid, workdir: pathlib.Path, *, progress: bool = True
) -> dict[str, records.Task]:
    """Writes generated people and finds landmarks, each once for the grid.

    Returns:
      What to do in each run, by its name.
    """
    photos = {
        name: p.write(workdir / "held_out")
        if isinstance(p, held_out.Generated)
        else dataclasses.replace(
            p, landmarks=p.landmarks or str(_table_path(workdir, p.images, p.detector))
        )
        for name, p in whole.held_out.items()
    }
    for name, given in whole.held_out.items():
        if isinstance(given, held_out.Folder) and not given.landmarks:
            _find_landmarks(
                photos[name].landmarks,
                given.images,
                given.detector,
                given.needed(),
                progress=progress,
            )
    for config in shared_landmarks(whole, workdir).values():
        _find_landmarks(
            config.landmarks, config.data_dir, config.detector, progress=progress
        )
    return {
        run.name: records.Task(
            config=with_landmarks(run.config, workdir),
            held_out=photos,
            curve=whole.curved,
        )
        for run in whole.runs()
    }


def with_landmarks(
    config: config_lib.TrainConfig, workdir: str | os.PathLike[str]
) -> config_lib.TrainConfig:
    """The configuration with the grid's landmark table, where it names none."""
    if config.source != "folder" or config.landmarks:
        return config
    path = _table_path(pathlib.Path(workdir), config.data_dir, config.detector)
    return dataclasses.replace(config, landmarks=str(path))


def shared_landmarks(
    whole: grid.Grid, workdir: str | os.PathLike[str]
) -> dict[str, config_lib.TrainConfig]:
    """The landmark tables that cells share: path → a configuration that wants it."""
    return {
        (shared := with_landmarks(cell.config, workdir)).landmarks: shared
        for cell in whole.cells()
        if cell.config.source == "folder" and not cell.config.landmarks
    }


def _find_landmarks(
    table_path: str,
    root: str,
    detector: str,
    names: Sequence[str] | None = None,
    *,
    progress: bool,
) -> None:
    landmarks.detect_folder(
        landmarks.create_detector(detector or None),
        root,
        names,
        save_to=table_path,
        progress=progress,
    )


def _table_path(workdir: pathlib.Path, root: str, detector: str) -> pathlib.Path:
    mark = hashlib.sha256(f"{root}\n{detector}".encode()).hexdigest()[:8]
    name = naming.safe(pathlib.Path(root).name)
    return workdir / "landmarks" / f"{name}-{mark}.npz"


def _check_folders(runs: Sequence[grid.Run], workdir: pathlib.Path) -> None:
    for run in runs:
        path = workdir / "runs" / run.name / "config.json"
        if path.exists():
            config_lib.check_same_run(with_landmarks(run.config, workdir), path)


def _run_processes(
    folders: Sequence[pathlib.Path],
    jobs: int,
    environment: dict[str, str],
    *,
    progress: bool,
) -> None:
    """Runs a worker for each folder, `jobs` at once; an interruption stops them."""
    devices = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for slot in range(jobs):
        free.put(devices[slot % len(devices)])
    alive: set[subprocess.Popen[bytes]] = set()
    stopping = threading.Event()

    def work(folder: pathlib.Path) -> str:
        device = free.get()
        own = {"CUDA_VISIBLE_DEVICES": device} if len(devices) > 1 else {}
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [*_WORKER, str(folder)], env=environment | own, stdout=log, stderr=log
            )
            alive.add(process)
            if stopping.is_set():  # begun while the others were being stopped
                process.terminate()
            code = process.wait()
            alive.discard(process)
        free.put(device)
        return _outcome(folder, code)

    bar = tqdm.tqdm(total=len(folders), unit="run", disable=not progress)
    with _terminable(), bar, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            pending = {pool.submit(work, folder): folder for folder in folders}
            while pending:
                # Not without end: a signal that comes just before would go unseen.
                done, _ = concurrent.futures.wait(
                    pending, 1.0, concurrent.futures.FIRST_COMPLETED
                )
                for future in done:
                    name, outcome = pending.pop(future).name, future.result()
                    bar.update()
                    if progress:
                        bar.write(f"{name}: {outcome}", file=sys.stderr)
        except BaseException:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(alive):
                process.terminate()
            raise


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Makes SIGTERM an exception, as a cluster's time limit sends it to this process.

    Otherwise the workers would be left behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _outcome(folder: pathlib.Path, code: int) -> str:
    """What became of a worker; one that was ended by force is recorded as failed."""
    if code == worker.INTERRUPTED or -code in _INTERRUPTIONS:
        return "interrupted; repeat the command to go on"
    if code < 0:
        name = signal.Signals(-code).name
        records.write_failure(folder, f"ended by {name}, perhaps out of memory")
    elif code > 0:
        records.write_failure(folder, f"ended with code {code}; see log.txt")
    failure = records.read_failure(folder, records.Task.read(folder))
    return f"failed, {failure}" if failure else "done"
