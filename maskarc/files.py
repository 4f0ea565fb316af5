"""Files: written whole or not at all, and listed the same on every machine."""

import os
import pathlib


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file whole or not at all; missing folders are made.

    Raises:
      OSError: it cannot be written, such as for lack of space; nothing is left behind.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def list_files(root: str | os.PathLike[str]) -> list[str]:
    """Paths of the files below a folder, '/'-separated, relative and sorted.

    The order does not depend on the machine. Hidden files and folders are left out.

    Raises:
      FileNotFoundError: the folder does not exist.
    """
    root = pathlib.Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}")
    found = (p.relative_to(root) for p in root.rglob("*") if not p.is_dir())
    return sorted(
        p.as_posix() for p in found if not any(q.startswith(".") for q in p.parts)
    )
