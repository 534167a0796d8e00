"""Batches are read; nothing else that a pickle can say is obeyed."""

import builtins
import os
import pickle
import pickletools
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.pickles import load_batch
from hpsearch.errors import DamagedDataError, MissingDataError

PIXELS = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
LABELS = np.array([9, 0])


@pytest.fixture(scope="module")
def content(python_2_pickle) -> bytes:
    return python_2_pickle(PIXELS, LABELS)


def test_batch_gives_its_pixels_and_labels_without_a_warning(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, labels = load_batch(content)
    np.testing.assert_array_equal(pixels, PIXELS)
    np.testing.assert_array_equal(labels, LABELS)
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
def test_pickle_itself_reads_the_same_from_the_same_bytes(content):
    """So the made-up batches of these tests are batches."""
    batch = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(batch["data"], load_batch(content)[0])
    np.testing.assert_array_equal(batch["labels"], load_batch(content)[1])


def test_path_is_read_and_named_in_errors(content, tmp_path):
    path = tmp_path / "data_batch_1"
    with pytest.raises(MissingDataError, match="data_batch_1"):
        load_batch(path)
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedDataError, match="data_batch_1"):
        load_batch(path)
    path.write_bytes(content)
    assert len(load_batch(path)[1]) == 2


class Payload:
    """Makes a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_payload_is_refused_by_name_and_not_run(protocol, tmp_path):
    path = tmp_path / "made"
    content = pickle.dumps({"data": Payload(path), "labels": []}, protocol)
    with pytest.raises(DamagedDataError, match=r"(posix|nt)\.mkdir"):
        load_batch(content)
    assert not path.exists()
    pickle.loads(content)
    assert path.exists(), "the payload must work, or this test shows nothing"


@given(
    st.one_of(
        st.tuples(st.just("builtins"), st.sampled_from(dir(builtins))),
        st.tuples(st.just("os"), st.sampled_from(dir(os))),
        st.tuples(
            st.sampled_from(["numpy.core.multiarray", "numpy._core.multiarray", "numpy"]),
            st.sampled_from(["scalar", "frombuffer", "fromfile", "load", "ndarray.tofile"]),
        ),
        st.tuples(*[st.from_regex(r"[a-z_]{1,9}(\.[a-z_]{1,9})?", fullmatch=True)] * 2),
    )
)
def test_every_other_global_is_refused_by_name(global_name):
    module, name = global_name
    for content in (
        f"c{module}\n{name}\n.".encode(),
        f"(i{module}\n{name}\n.".encode(),
        pickle.dumps(module, 4)[:-1] + pickle.dumps(name, 4)[2:-1] + b"\x93.",
    ):
        with pytest.raises(DamagedDataError) as caught:
            load_batch(content)
        assert f"{module}.{name}" in str(caught.value)


def test_an_admitted_global_is_recorded_and_not_called(content):
    """`numpy.dtype` given a name that NumPy would refuse loudly: only the reader complains."""
    forged = content.replace(b"U\x02u1", b"U\x02zz")
    with pytest.raises(DamagedDataError, match="data is not uint8"):
        load_batch(forged)


@given(bit=st.integers(0, 8 * 200 - 1), from_end=st.booleans())
def test_flipped_bit_gives_an_error_or_a_batch(content, flip, attempt, bit, from_end):
    """Around the pixels: whatever the pickle then says, it is a batch or refused."""
    position = 8 * len(content) - 1 - bit % 80 if from_end else bit
    outcome = attempt(lambda: load_batch(flip(content, position)))
    if not isinstance(outcome, DamagedDataError):
        pixels, labels = outcome
        assert pixels.shape == (len(labels), 3072)
        assert set(labels) <= set(range(10))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content):
    with pytest.raises(DamagedDataError):
        load_batch(content)


@given(length=st.integers(0, 6400))
def test_cut_off_batch_is_refused(content, length):
    with pytest.raises(DamagedDataError):
        load_batch(content[: min(length, len(content) - 1)])


def test_huge_memo_index_is_refused_before_memory_is_taken_for_it():
    for put in (b"r" + struct.pack("<I", 1 << 31), b"p2147483648\n"):
        with pytest.raises(DamagedDataError, match="memo index 2147483648"):
            load_batch(b"\x80\x02}" + put + b".")


def test_what_a_checksum_vouches_for_is_not_looked_through(content, monkeypatch):
    expected, _ = load_batch(content)
    monkeypatch.setattr(pickletools, "genops", lambda _: pytest.fail("was looked through"))
    pixels, _ = load_batch(content, is_vouched_for=True)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"U\x06labels", b"U\x06lebals", "key 'labels'"),
        (b"U\x04data", b"U\x04dada", "key 'data'"),
        (b"K\x09K\x00e", b"K\x0aK\x00e", "whole number"),
        (b"K\x09K\x00e", b"K\x09\x88e", "whole number"),
        (b"K\x09K\x00e", b"K\x09e", "1 labels for 2 images"),
        (b"M\x02\x00M\x00\x0c", b"M\x03\x00M\x00\x0c", "rows of 3072"),
        (b"M\x02\x00M\x00\x0c", b"M\x04\x00M\x00\x06", "rows of 3072"),
        (b"tb\x89", b"tb\x88", "stored by columns"),
        (b"U\x02u1", b"U\x02i1", "not uint8"),
    ],
)
def test_pickle_that_is_no_batch_is_refused(content, old, new, reason):
    assert content.count(old) == 1
    with pytest.raises(DamagedDataError, match=reason):
        load_batch(content.replace(old, new))
