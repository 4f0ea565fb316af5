"""Reading a packed set again, to be sure that it is whole."""

import os
import pathlib

import numpy as np
import tqdm

from maskarc import images
from maskarc.data import crops, pack_writers, record_faces, recordio, shards


def check(
    folder: str | os.PathLike[str], *, threads: int = 2, progress: bool = True
) -> int:
    """Reads a whole set again: checksums, counts, labels, and whether photos decode.

    Returns:
      How many photos it has.

    Raises:
      FileNotFoundError: there is no set.
      ValueError: it is damaged or not complete; lists the first faults.
      OSError: the disk cannot be read.
    """
    folder = pathlib.Path(folder)
    index = shards.read_index(folder)
    source: shards.ShardedFaces | record_faces.RecordFaces
    if index["format"] == shards.SHARDS:
        source = shards.ShardedFaces.open(folder)
        digests = {part["file"]: part["sha256"] for part in index["parts"]}
    else:
        source = record_faces.RecordFaces.open(folder)
        digests = {source.file.path.name: index.get("sha256")}
    faults = [
        f"{name} has another checksum"
        for name, digest in digests.items()
        if pack_writers.file_digest(folder / name) != digest
    ]
    labels = np.repeat(np.arange(len(index["counts"])), index["counts"])
    if not np.array_equal(source.labels, labels):
        faults.append(f"{len(source)} photos have other labels than the index")

    def fault(number: int) -> str:
        try:
            source[number]
        except (images.ImageError, shards.ShardError, recordio.RecordError) as error:
            return str(error)
        return ""

    found = crops.read_ahead(fault, len(source), threads=threads)
    bar = tqdm.tqdm(found, "checking", len(source), unit="img", disable=not progress)
    faults.extend(filter(None, bar))
    if faults:
        raise ValueError(
            f"{folder} is damaged, {len(faults)} faults: {'; '.join(faults[:5])}. "
            "Delete it and repeat the command that packs it"
        )
    return len(source)
