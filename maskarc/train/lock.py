"""One at a time: a lock on a file, held by a process until it ends, however it ends."""

import contextlib
import os
import pathlib
import socket
import sys
from collections.abc import Iterator

from absl import logging

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, 1 << 30, os.SEEK_SET)  # what is written stays readable
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class BusyError(OSError):
    """Another process holds the lock; the message says which."""


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
    """Holds the lock of a folder while the block runs.

    The system releases it when the process dies, so that none is ever left behind; the
    file stays. Processes that this one starts do not inherit it. On a network file
    system without locks the block runs without one, with a warning.

    Args:
      path: the file, in the folder that it is for; made if missing.

    Raises:
      BusyError: another process, or another thread of this one, holds it.
      OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(file, 200).decode(errors="replace").strip()
            raise BusyError(
                f"{path.parent} is in use by {holder or 'another process'}: wait until "
                "it ends, stop it, or use another folder"
            ) from error
        except OSError as error:
            logging.warning(
                "%s cannot be locked (%s): start one at a time", path, error
            )
        with contextlib.suppress(OSError):  # such as a full disk
            os.ftruncate(file, 0)
            os.write(
                file, f"process {os.getpid()} on {socket.gethostname()}\n".encode()
            )
        yield
    finally:
        os.close(file)
