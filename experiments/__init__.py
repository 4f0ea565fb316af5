"""Scripts: flags in, one call of the library, results out.

A script imports for seconds before `launch.run` begins. Ctrl-C ends it at once until
then: an exception in the midst of an import may come out as another one.
"""

import os
import signal
import sys
from types import FrameType


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    os.write(2, b"interrupted before it began; repeat the command\n")
    os._exit(128 + number)


# Python's name of the program while it looks for the module of `python -m`.
if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, _end)

from maskarc import extras  # noqa: E402

with extras.needed("train"):
    import ml_collections  # noqa: F401
