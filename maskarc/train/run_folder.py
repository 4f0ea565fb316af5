"""A run folder: what was asked for, and where and with what it ran."""

import datetime
import json
import pathlib
from typing import Any

import jax

from maskarc import files
from maskarc.evaluation import provenance
from maskarc.train import config as config_lib


def prepare(config: config_lib.TrainConfig, workdir: pathlib.Path) -> None:
    """Makes the folder, checks that it is of this run, and notes the environment.

    Of several processes the first does so.

    Raises:
      ValueError: the folder holds a run with other settings; names each difference.
      OSError: it cannot be written.
    """
    if jax.process_index() != 0:
        return
    workdir.mkdir(parents=True, exist_ok=True)
    config_lib.check_same_run(config, workdir / "config.json")
    # A line a start: a run may be taken up elsewhere, with other versions.
    path = workdir / "environment.jsonl"
    before = path.read_bytes() if path.exists() else b""
    files.write_bytes(path, before + f"{json.dumps(environment())}\n".encode())


def environment() -> dict[str, Any]:
    """Time, command, code revision, versions, machine and devices of this process."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **provenance.provenance(),
        "devices": [device.device_kind for device in jax.devices()],
        "processes": jax.process_count(),
    }
