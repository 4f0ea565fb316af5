"""Files: each accounted for, written whole or not at all, in UTF-8 whatever its name.

Listing. `list_folder` is the one walk of the library. Links to folders are followed,
each folder once; what is not used stands in the listing with the reason.

Writing. A file is written beside its place under another name and moved there when it
is complete (`replaced`): a full disk, a kill or an error keeps the old one.

Names. A file's name on Linux is bytes, which Python shows as a str with a lone
surrogate for each byte that is not UTF-8. What is written here is UTF-8: such a byte
stands as ``\\xff`` (backslash, x, two digits), and a backslash that would begin such an
escape in a name as ``\\x5c``. All other names are written as they are. The readers here
put the bytes back, so that a table finds its photos again.
"""

import contextlib
import csv
import dataclasses
import errno
import hashlib
import io
import json
import os
import pathlib
import re
import stat as stat_lib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

HIDDEN = "hidden"
_LISTED = "a link to a folder that is listed already"
_NO_FILE = "a broken link, or a pipe or device"
# The longest name of a file that common file systems take, in bytes.
_LONGEST, _LONGEST_SUFFIX = 255, 16
# Names of one reason that are shown.
_EXAMPLES = 5

_ESCAPE = re.compile(r"[\udc80-\udcff]|\\(?=x(?:5c|[89a-f][0-9a-f]))")
_ESCAPED = re.compile(r"\\x(5c|[89a-f][0-9a-f])")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """What lies below a folder, with nothing left out.

    Paths are '/'-separated and relative to the folder.

    Attributes:
      names: files to use, sorted; the order does not depend on the machine.
      ignored: file or folder → why it is not used.
      unreadable: folder that cannot be listed, broken link, pipe or device → why.
      linked: link to a folder that was followed → where it leads.
    """

    names: tuple[str, ...]
    ignored: Mapping[str, str]
    unreadable: Mapping[str, str]
    linked: Mapping[str, str]

    def only(self, is_wanted: Callable[[str], bool], reason: str) -> "Listing":
        """The listing with other files ignored, for this reason."""
        others = {name: reason for name in self.names if not is_wanted(name)}
        return dataclasses.replace(
            self,
            names=tuple(name for name in self.names if name not in others),
            ignored={**self.ignored, **others},
        )

    def check_any(self, root: str | os.PathLike[str]) -> None:
        """Raises ValueError where there is no file to use; says what there is."""
        if not self.names:
            rest = "".join(f"; {line}" for line in self.lines())
            raise ValueError(f"there are no photos in {root}{rest}")

    def lines(self) -> list[str]:
        """What is not used, a line a reason: how many, and the first of them."""
        found = []
        for outcome in ("ignored", "unreadable"):
            by_reason: dict[str, list[str]] = {}
            for name, reason in sorted(getattr(self, outcome).items()):
                by_reason.setdefault(reason, []).append(shown(name))
            for reason, names in by_reason.items():
                more = ", …" if len(names) > _EXAMPLES else ""
                some = ", ".join(names[:_EXAMPLES]) + more
                found.append(f"{len(names)} {outcome}, {reason}: {some}")
        return found


def list_folder(root: str | os.PathLike[str]) -> Listing:
    """Lists all that lies below a folder.

    Hidden files and folders are ignored, folders with all that is in them. Links to
    files are files; links to folders are followed after all else, and no folder is
    listed twice.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: the path is empty.
      OSError: the folder itself cannot be listed.
    """
    root = given(root)
    if not os.path.isdir(root):
        raise FileNotFoundError(f"no folder at {root}")
    names: list[str] = []
    ignored: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    linked: dict[str, str] = {}
    folders, links = [""], list[str]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        if not folders:
            folder = links.pop(0)
            linked[folder] = os.path.realpath(os.path.join(root, folder))
        else:
            folder = folders.pop()
        place = os.path.join(root, folder)
        try:
            status = os.stat(place)
            if (status.st_dev, status.st_ino) in seen:
                linked.pop(folder, None)
                ignored[folder] = _LISTED
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise
            unreadable[folder] = f"a folder that cannot be listed ({error.strerror})"
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith("."):
                ignored[name] = HIDDEN
            elif entry.is_dir(follow_symlinks=False):
                folders.append(name)
            elif entry.is_symlink() and os.path.isdir(entry.path):
                links.append(name)
            elif os.path.isfile(entry.path):
                names.append(name)
            else:
                unreadable[name] = _NO_FILE
    return Listing(
        names=tuple(sorted(names)),
        ignored=ignored,
        unreadable=unreadable,
        linked=linked,
    )


def given(path: str | os.PathLike[str]) -> pathlib.Path:
    """A path that a user gave; an empty one would be the folder of the process.

    Raises:
      ValueError: it is empty.
    """
    if not os.fspath(path):
        raise ValueError("expected a file or a folder, got an empty path")
    return pathlib.Path(path)


def check_apart(
    source: pathlib.Path, output: pathlib.Path, linked: Mapping[str, str]
) -> None:
    """Makes sure that no result can land among the photos, nor be taken for one.

    Args:
      source: the folder that is read, without links in its path (`resolve`).
      output: the folder that is written to, likewise.
      linked: of the listing.

    Raises:
      ValueError: one lies in the other, or a linked folder in the output or around it.
    """
    for name, place in {"": str(source), **linked}.items():
        if output.is_relative_to(place) or pathlib.Path(place).is_relative_to(output):
            link = f" ({shown(name)} leads there)" if name else ""
            raise ValueError(
                f"input {place}{link} and output {output} must not overlap"
            )


def check_many(given: Any, what: str) -> None:
    """Makes sure that a list was given, and not one path.

    Raises:
      TypeError: a str, a path or bytes.
    """
    if isinstance(given, str | bytes | os.PathLike):
        raise TypeError(f"expected a list of {what}, got {given!r}; write [{given!r}]")


def stamp(path: str | os.PathLike[str]) -> str:
    """Size in bytes and time of change in nanoseconds; "absent" where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return "absent"
    return f"{status.st_size}:{status.st_mtime_ns}"


@contextlib.contextmanager
def replaced(
    path: str | os.PathLike[str], *, sync: bool = True, follow: bool = True
) -> Iterator[pathlib.Path]:
    """Gives a path to write to; what is there at the end becomes the file.

    Missing folders are made. On an error or an interruption nothing is left behind, and
    the file of before stays. The new one has its permissions.

    Args:
      path: of the file.
      sync: wait until the disk has it, so that the file survives a power cut as well.
      follow: write the file that a link leads to, and keep the link; else replace it.

    Raises:
      OSError: it cannot be written, such as for lack of space; it is a pipe or device.
    """
    path = pathlib.Path(os.path.realpath(path) if follow else path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(f"{path} is a pipe or a device; expected the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(
            errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename
        ) from error
    # Of one length, so that it fits where the file's own name is a long one; and the
    # same each time, so that what a killed process left behind is written over.
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    aside = path.with_name(f".{digest}.partial")
    try:
        lock = _open_alone(aside)
    except BlockingIOError as error:
        raise OSError(f"{path} is being written by another process") from error
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        yield aside
        with contextlib.suppress(OSError):  # there is none, or a disk without them
            os.chmod(aside, stat_lib.S_IMODE(path.stat().st_mode))
        if sync:
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        # Named after the file: the other name tells a reader nothing.
        if isinstance(error, OSError) and error.errno:
            is_own = error.filename in (None, str(aside))
            error.filename = str(path) if is_own else error.filename
        raise
    finally:
        os.close(lock)


def _open_alone(path: pathlib.Path) -> int:
    """Opens a file, new or left behind, that no other process has open so.

    The system forgets it when the process dies. Where there are no locks it is opened
    all the same.

    Raises:
      BlockingIOError: another process has it.
      OSError: it cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise
    except (ImportError, OSError):
        pass
    return file


def check_place(path: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Makes sure, before the work, that a file can be written; makes its folder.

    Raises:
      OSError: it cannot.
      ValueError: it is one of the inputs.
    """
    for source in inputs if os.path.exists(path) else ():
        if os.path.exists(source) and os.path.samefile(path, source):
            raise ValueError(f"{path} is the input; give the output another name")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file")
    with contextlib.suppress(_Tried), replaced(path, sync=False) as aside:
        aside.touch()
        raise _Tried


class _Tried(Exception):
    """Ends a try, so that nothing is replaced."""


def write_bytes(
    path: str | os.PathLike[str],
    data: bytes,
    *,
    sync: bool = True,
    follow: bool = True,
) -> None:
    """Writes a file; see `replaced`."""
    with replaced(path, sync=sync, follow=follow) as aside:
        aside.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a text in UTF-8, names in it escaped; see `replaced`."""
    write_bytes(path, _encoded(escaped(text)))


def write_json(
    path: str | os.PathLike[str],
    value: Any,
    *,
    indent: int | None = 2,
    allow_nan: bool = True,
) -> None:
    """Writes JSON in UTF-8, names in it escaped; see `replaced`.

    Raises:
      ValueError: a number is NaN or infinite, and these are not allowed.
    """
    write_bytes(path, to_json(value, indent=indent, allow_nan=allow_nan))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads what `write_json` wrote, or other JSON.

    Raises:
      ValueError: not JSON.
    """
    return from_json(pathlib.Path(path).read_bytes())


def to_json(value: Any, **options: Any) -> bytes:
    """JSON as `json.dumps` has it, in UTF-8 with the line's end, names escaped."""
    text = json.dumps(value, ensure_ascii=False, **options)
    if _ESCAPE.search(text):
        text = json.dumps(_each_text(value, escaped), ensure_ascii=False, **options)
    return _encoded(f"{text}\n")


def from_json(data: bytes) -> Any:
    """Inverts `to_json`.

    Raises:
      ValueError: not JSON.
    """
    value = json.loads(data)
    return _each_text(value, unescaped) if rb"\\x" in data else value


def write_csv(path: str | os.PathLike[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes rows as CSV in UTF-8, names in it escaped; see `replaced`."""
    with (
        replaced(path) as aside,
        aside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as to,
    ):
        writer = csv.writer(to)
        for row in rows:
            writer.writerow([escaped(v) if isinstance(v, str) else v for v in row])


def read_csv(path: str | os.PathLike[str]) -> list[list[str]]:
    """The rows of a CSV file, names put back; see `write_csv`.

    Raises:
      ValueError: not CSV.
    """
    # Listings of earlier versions hold the bytes themselves.
    text = pathlib.Path(path).read_bytes().decode("utf-8-sig", "surrogateescape")
    try:
        return list(csv.reader(io.StringIO(unescaped(text), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from error


def write_npz(
    path: str | os.PathLike[str],
    arrays: Mapping[str, np.ndarray],
    *,
    compressed: bool = False,
) -> None:
    """Writes an .npz without pickle, names in it escaped; see `replaced`.

    Raises:
      ValueError: the path does not end in .npz, or an array holds objects.
    """
    check_npz(path)
    write = np.savez_compressed if compressed else np.savez
    with replaced(path) as aside, aside.open("wb") as file:
        write(
            file,
            allow_pickle=False,
            **{name: _each_name(array, escaped) for name, array in arrays.items()},
        )


def check_npz(path: str | os.PathLike[str]) -> None:
    """Raises ValueError where a path does not end in .npz."""
    if pathlib.Path(path).suffix != ".npz":
        name = pathlib.Path(path).name
        raise ValueError(f"expected a name that ends in .npz, got {name!r}")


def read_npz(
    path: str | os.PathLike[str], expected: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, names put back; none may be pickled.

    Args:
      path: of the file.
      expected: names that must be among them.

    Raises:
      FileNotFoundError: no such file.
      ValueError: damaged, pickled, or without one of the names.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file at {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not an .npz of plain arrays")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: _each_name(file[name], unescaped) for name in file.files}
    except MemoryError:
        raise
    except Exception as error:  # damage shows in many ways
        raise ValueError(f"{path}: not an .npz of plain arrays: {error}") from error
    if missing := set(expected) - set(arrays):
        raise ValueError(
            f"{path}: expected {' and '.join(expected)}; missing: "
            f"{', '.join(sorted(missing))}"
        )
    return arrays


def escaped(text: str) -> str:
    r"""A text as it is written: bytes that are not UTF-8 as an escape.

    >>> print(escaped("b\udcff.jpg"), escaped(r"b\xff.jpg"), escaped(r"a\b.jpg"))
    b\xff.jpg b\x5cxff.jpg a\b.jpg
    """
    return _ESCAPE.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)


def unescaped(text: str) -> str:
    r"""Inverts `escaped`.

    >>> unescaped(r"b\xff.jpg") == "b\udcff.jpg", unescaped(r"b\x5cxff.jpg")
    (True, 'b\\xff.jpg')
    """

    def original(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return chr(code if code < 0x80 else 0xDC00 + code)

    return _ESCAPED.sub(original, text)


def shown(name: str) -> str:
    r"""A name for a person's eyes: on one line, without control characters.

    >>> print(shown("a\nb.jpg"), shown("b\udcff.jpg"))
    a\nb.jpg b\xff.jpg
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in escaped(name)
    )


def fitted(path: str) -> str:
    """A '/'-separated path of which no file system finds the last part too long.

    A part of more than 255 bytes is cut, and tells by a hash what it was; its suffix
    stays.
    """
    folder, slash, name = path.rpartition("/")
    whole = os.fsencode(name)
    if len(whole) <= _LONGEST:
        return path
    suffix = pathlib.PurePath(name).suffix
    if len(suffix) > _LONGEST_SUFFIX:
        suffix = ""
    end = f".{hashlib.sha256(whole).hexdigest()[:16]}{suffix}"
    kept = whole[: _LONGEST - len(os.fsencode(end))].decode(errors="ignore")
    return f"{folder}{slash}{kept}{end}"


def _encoded(text: str) -> bytes:
    # Of surrogates that stand for no byte, which only Windows has in names.
    return text.encode(errors="backslashreplace")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Plain values with all texts in them changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_each_text(k, change): _each_text(v, change) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(one, change) for one in value]
    return value


def _each_name(array: np.ndarray, change: Callable[[str], str]) -> np.ndarray:
    """An array with all texts in it changed."""
    array = np.asarray(array)
    if array.dtype.kind != "U" or not array.size or not array.dtype.itemsize:
        return array
    codes = np.ascontiguousarray(array).reshape(-1).view(np.uint32)
    if not ((codes == ord("\\")) | (codes >> 11 == 0xD800 >> 11)).any():
        return array  # the most, and there may be millions
    texts = [change(text) for text in array.reshape(-1).tolist()]
    return np.array(texts, np.str_).reshape(array.shape)
