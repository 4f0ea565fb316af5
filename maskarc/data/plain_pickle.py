"""Reads pickles of plain data without running them.

A pickle is a program. Here its instructions build lists, tuples, numbers, strings and
bytes, as any reader does, but names of functions stay names and calls stay calls: the
few that NumPy's arrays need are understood afterwards, all others are refused.
"""

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

_MOST_ITEMS = 1_000_000


class PickleError(ValueError):
    """A pickle that is damaged, or that holds more than plain data."""


@dataclasses.dataclass(frozen=True)
class _Name:
    """A function or class that the pickle names; never looked up."""

    module: str
    name: str


@dataclasses.dataclass
class _Call:
    """A call that the pickle asks for; never made."""

    function: _Name
    arguments: tuple
    state: Any = None


_MARK = object()
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
# Element types of arrays that are read.
_DTYPES = {"u1": "u1", "b1": "?", "i8": "<i8", "i4": "<i4", "i1": "i1"}


def loads(data: bytes) -> Any:
    """The plain data in a pickle of protocol 2 to 5, from Python 2 or 3.

    Python 2's strings come as bytes. NumPy arrays of bytes, whole numbers and truth
    values are read.

    Raises:
      PickleError: damaged, cut off, or with anything but plain data in it.
    """
    reader = _Reader(data)
    try:
        result = reader.run()
    except (IndexError, struct.error, KeyError, OverflowError, UnicodeError) as error:
        raise PickleError(f"damaged pickle at byte {reader.at}: {error!r}") from error
    try:
        return _Finisher().plain(result)
    except RecursionError as error:
        raise PickleError("nested too deeply for plain data") from error


class _Reader:
    """The stack machine of pickles, less all that acts."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        while True:
            code = self.take(1)
            if code == b".":
                return self.stack.pop()
            act = _INSTRUCTIONS.get(code)
            if act is None:
                raise PickleError(
                    f"byte {self.at - 1}: the instruction {code!r} is not one of plain "
                    "data"
                )
            act(self)

    def take(self, count: int) -> bytes:
        """The next bytes; what a length claims must be there."""
        if count < 0 or count > len(self.data) - self.at:
            raise PickleError(
                f"byte {self.at}: {count} bytes are claimed, "
                f"{len(self.data) - self.at} are left: the file is cut off or damaged"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise PickleError(f"byte {self.at}: the file is cut off")
        text = self.data[self.at : end].decode("ascii")
        self.at = end + 1
        return text

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] is _MARK:
                items = self.stack[position + 1 :]
                del self.stack[position:]
                return items
        raise PickleError(f"byte {self.at}: no mark to go back to")

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list) or len(target) + len(items) > _MOST_ITEMS:
            raise PickleError(f"byte {self.at}: items without a list, or too many")
        target.extend(items)

    def last(self, count: int) -> tuple:
        if len(self.stack) < count:
            raise PickleError(f"byte {self.at}: too little to make a tuple of")
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return items

    def call(self) -> None:
        function, arguments = self.last(2)
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise PickleError(f"byte {self.at}: a call of something unknown")
        self.push(_Call(function, arguments))

    def build(self) -> None:
        target, state = self.last(2)
        if not isinstance(target, _Call):
            raise PickleError(f"byte {self.at}: a state for something unknown")
        target.state = state
        self.push(target)

    def name(self, module: Any, name: Any) -> None:
        module, name = (
            v.decode("latin1") if isinstance(v, bytes) else v for v in (module, name)
        )
        if (module, name) not in _KNOWN:
            raise PickleError(
                f"byte {self.at}: the file asks for {module}.{name}, which is no plain "
                "data; nothing was run"
            )
        self.push(_Name(module, name))


_KNOWN = {
    *((module, "_reconstruct") for module in _NUMPY),
    *((module, "scalar") for module in _NUMPY),
    *((module, "_frombuffer") for module in _NUMERIC),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("__builtin__", "bytes"),
    ("__builtin__", "bytearray"),
    ("builtins", "bytearray"),
}


def _text(reader: _Reader, count: int) -> str:
    return reader.take(count).decode("utf-8", "surrogatepass")


def _long(reader: _Reader, size: int) -> int:
    if size > 16:
        raise PickleError(f"byte {reader.at}: a number of {size} bytes")
    return int.from_bytes(reader.take(size), "little", signed=True)


def _stack_name(reader: _Reader) -> None:
    module, name = reader.last(2)
    reader.name(module, name)


_INSTRUCTIONS: dict[bytes, Callable[[_Reader], Any]] = {
    b"\x80": lambda r: r.take(1),  # protocol
    b"\x95": lambda r: r.take(8),  # frame
    b"(": lambda r: r.push(_MARK),
    b"]": lambda r: r.push([]),
    b")": lambda r: r.push(()),
    b"t": lambda r: r.push(tuple(r.to_mark())),
    b"\x85": lambda r: r.push(r.last(1)),
    b"\x86": lambda r: r.push(r.last(2)),
    b"\x87": lambda r: r.push(r.last(3)),
    b"a": lambda r: r.extend([*r.last(1)]),
    b"e": lambda r: r.extend(r.to_mark()),
    b"N": lambda r: r.push(None),
    b"\x88": lambda r: r.push(True),
    b"\x89": lambda r: r.push(False),
    b"K": lambda r: r.push(r.take(1)[0]),
    b"M": lambda r: r.push(r.number("<H")),
    b"J": lambda r: r.push(r.number("<i")),
    b"\x8a": lambda r: r.push(_long(r, r.take(1)[0])),
    b"T": lambda r: r.push(r.take(r.number("<i"))),
    b"U": lambda r: r.push(r.take(r.take(1)[0])),
    b"B": lambda r: r.push(r.take(r.number("<I"))),
    b"C": lambda r: r.push(r.take(r.take(1)[0])),
    b"\x8e": lambda r: r.push(r.take(r.number("<Q"))),
    b"\x96": lambda r: r.push(r.take(r.number("<Q"))),
    b"X": lambda r: r.push(_text(r, r.number("<I"))),
    b"\x8c": lambda r: r.push(_text(r, r.take(1)[0])),
    b"\x8d": lambda r: r.push(_text(r, r.number("<Q"))),
    b"q": lambda r: r.memo.__setitem__(r.take(1)[0], r.stack[-1]),
    b"r": lambda r: r.memo.__setitem__(r.number("<I"), r.stack[-1]),
    b"\x94": lambda r: r.memo.__setitem__(len(r.memo), r.stack[-1]),
    b"h": lambda r: r.push(r.memo[r.take(1)[0]]),
    b"j": lambda r: r.push(r.memo[r.number("<I")]),
    b"c": lambda r: r.name(r.line(), r.line()),
    b"\x93": _stack_name,
    b"R": _Reader.call,
    b"b": _Reader.build,
}


class _Finisher:
    """Turns what was read into data, each call once, and not more than fits."""

    def __init__(self):
        self.left = _MOST_ITEMS
        self.made: dict[int, Any] = {}

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Data without calls: those that are understood give way to what they make."""
        if isinstance(value, list | tuple):
            # References may repeat a list, and lists of it, without bounds.
            self.left -= len(value)
            if depth > 4 or self.left < 0:
                raise PickleError("nested too deeply, or too much, for plain data")
            return type(value)(self.plain(item, depth + 1) for item in value)
        if isinstance(value, _Call):
            if id(value) not in self.made:
                self.made[id(value)] = self._make(value)
            return self.made[id(value)]
        if isinstance(value, _Name) or value is _MARK:
            raise PickleError("a name stands where data should")
        return value

    def _make(self, call: _Call) -> Any:
        """What one of the known calls would make."""
        name, arguments = call.function.name, call.arguments
        try:
            if name == "_reconstruct":
                _, shape, dtype, is_fortran, content = call.state
                return _array(self.plain(content), dtype, shape, is_fortran)
            if name == "_frombuffer":
                content, dtype, shape, order = arguments
                return _array(self.plain(content), dtype, shape, order in ("F", b"F"))
            if name == "scalar":
                return _array(self.plain(arguments[1]), arguments[0], (), False)[()]
            if name == "encode":  # how Python 3 writes bytes for Python 2
                return arguments[0].encode("latin1")
            if name in ("bytes", "bytearray"):
                return self.plain(arguments[0]) if arguments else b""
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise PickleError(f"an array that cannot be read: {error}") from error
        raise PickleError(f"{name} stands where data should")


def _array(content: Any, dtype: Any, shape: Any, is_fortran: bool) -> np.ndarray:
    is_dtype = isinstance(dtype, _Call) and dtype.function.name == "dtype"
    text = dtype.arguments[0] if is_dtype and dtype.arguments else None
    text = text.decode("latin1") if isinstance(text, bytes) else text
    if text not in _DTYPES:
        raise PickleError(
            f"an array of {text}; expected bytes, whole numbers or truth values"
        )
    if isinstance(content, str):
        content = content.encode("latin1")
    array = np.frombuffer(content, _DTYPES[text])
    return array.reshape(shape, order="F" if is_fortran else "C")
