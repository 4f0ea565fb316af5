"""Plain pickles give what Python's own reader gives; all others are refused unrun."""

import os
import pickle
import struct

import numpy as np
import pytest

from maskarc.data import plain_pickle

PHOTOS = [b"\xff\xd8 one", b"", b"x" * 300, b"\xff\xd8 one"]
LABELS = [True, False]


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize(
    "value",
    [
        (PHOTOS, LABELS),
        ([bytearray(b"abc")], [True]),
        [1, 255, 256, 70_000, -3, 2**40, None, "text", "ü", ()],
        ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        ([], [[]], [[1], [2, [3]]]),
    ],
)
def test_as_python_reads_it(protocol, value):
    read = plain_pickle.loads(pickle.dumps(value, protocol))
    assert read == value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(7, dtype=np.uint8),
        np.array([True, False]),
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
    ],
)
def test_arrays(protocol, array):
    [read, flag] = plain_pickle.loads(pickle.dumps([array, np.True_], protocol))
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype and flag == np.True_


def test_strings_of_python_2():
    """As Python 2 wrote InsightFace's files: protocol 2, with its strings for bytes."""
    long = b"y" * 300
    data = b"\x80\x02]q\x00(U\x03abcq\x01T" + struct.pack("<i", 300) + long
    data += b"h\x01e]q\x02(\x88\x89e\x86q\x03."
    assert plain_pickle.loads(data) == ([b"abc", long, b"abc"], [True, False])
    assert pickle.loads(data, encoding="bytes") == plain_pickle.loads(data)


class _Runs:
    """Would run a command where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_nothing_is_run(protocol, tmp_path):
    data = pickle.dumps(([b"x", _Runs(tmp_path / "ran")], [True]), protocol)
    with pytest.raises(plain_pickle.PickleError, match=r"asks for (posix|nt)\.system"):
        plain_pickle.loads(data)
    assert not (tmp_path / "ran").exists()
    pickle.loads(data)
    assert (tmp_path / "ran").exists()  # so the test would have noticed


@pytest.mark.parametrize(
    "data",
    [
        b"cbuiltins\neval\n(V1\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n.",
        b"(ibuiltins\nexec\n.",
        b"\x80\x02}q\x00.",  # a dict
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.",
        b"\x82\x01.",  # an extension's code
        b"P1\n.",  # a persistent id
    ],
)
def test_other_programs(data):
    with pytest.raises(plain_pickle.PickleError):
        plain_pickle.loads(data)


def test_an_array_of_objects_is_refused():
    data = pickle.dumps([np.array([{}, print], object)], 2)
    with pytest.raises(plain_pickle.PickleError):
        plain_pickle.loads(data)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_cut_off_anywhere(protocol):
    whole = pickle.dumps((PHOTOS, LABELS, np.arange(3, dtype=np.uint8)), protocol)
    for length in range(len(whole)):
        with pytest.raises(plain_pickle.PickleError):
            plain_pickle.loads(whole[:length])


@pytest.mark.parametrize(
    "claim",
    [
        b"\x8e" + struct.pack("<Q", 2**60) + b"x",
        b"B" + struct.pack("<I", 2**32 - 1) + b"x",
        b"T" + struct.pack("<i", -5) + b"x",
        b"X" + struct.pack("<I", 2**31) + b"x",
        b"\x96" + struct.pack("<Q", 2**63) + b"x",
        b"\x8a\xff" + b"\xff" * 255,
    ],
)
def test_huge_claims(claim):
    with pytest.raises(plain_pickle.PickleError, match=r"claimed|a number of"):
        plain_pickle.loads(b"\x80\x04" + claim + b".")


def test_noise_is_refused_and_nothing_else_happens():
    rng = np.random.default_rng(0)
    whole = bytearray(pickle.dumps((PHOTOS, LABELS), 2))
    for _ in range(500):
        data = bytearray(whole)
        data[rng.integers(len(data))] = rng.integers(256)
        try:
            plain_pickle.loads(bytes(data))
        except plain_pickle.PickleError:
            continue


def test_doubling_tuples_do_not_grow():
    """Thirty tuples of the last one twice would be a billion entries."""
    data = b"\x80\x02)" + b"q\x00h\x00\x86" * 30 + b"."
    with pytest.raises(plain_pickle.PickleError, match="too deeply"):
        plain_pickle.loads(data)


def test_calls_in_calls_have_an_end():
    """bytes(bytes(… b"" …)), twenty thousand times."""
    count = 20_000
    data = b"c__builtin__\nbytes\n" * count + b"C\x00" + b"\x85R" * count + b"."
    with pytest.raises(plain_pickle.PickleError, match="too deeply"):
        plain_pickle.loads(data)


def test_lists_of_lists_do_not_grow():
    """Three lists of 5,000 references each would be a hundred billion entries."""
    inner = b"](" + b"K\x01" * 5000 + b"eq\x00"
    middle = b"](" + b"h\x00" * 5000 + b"eq\x01"
    data = b"\x80\x02" + inner + middle + b"](" + b"h\x01" * 5000 + b"e."
    with pytest.raises(plain_pickle.PickleError, match="too much"):
        plain_pickle.loads(data)


def test_a_call_that_is_referred_to_is_made_once():
    text = b"X" + struct.pack("<I", 1000) + b"x" * 1000
    call = b"c_codecs\nencode\n" + text + b"X\x06\0\0\0latin1\x86Rq\x00"
    read = plain_pickle.loads(b"\x80\x02](" + call + b"h\x00" * 100 + b"e.")
    assert read == [b"x" * 1000] * 101
    assert len({id(item) for item in read}) == 1
