"""Batches are read; nothing else that a pickle can say is obeyed."""

import builtins
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.datasets.cifar10 import load_batch
from hpsearch.foundations.errors import DamagedDataError

PIXELS = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
LABELS = np.array([9, 0])


@pytest.fixture(scope="module")
def content(python_2_pickle) -> bytes:
    return python_2_pickle(PIXELS, LABELS)


def test_batch_gives_its_pixels_and_labels_without_a_warning(content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, labels = load_batch(content, "batch")
    np.testing.assert_array_equal(pixels, PIXELS)
    np.testing.assert_array_equal(labels, LABELS)
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
def test_pickle_itself_reads_the_same_from_the_same_bytes(content):
    """So the made-up batches of these tests are batches."""
    batch = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(batch["data"], load_batch(content, "batch")[0])
    np.testing.assert_array_equal(batch["labels"], load_batch(content, "batch")[1])


class Payload:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_payload_is_refused_by_name_and_not_run(protocol, tmp_path):
    path = tmp_path / "made"
    content = pickle.dumps({"data": Payload(path), "labels": []}, protocol)
    with pytest.raises(DamagedDataError, match=r"batch_1: .*(posix|nt)\.mkdir"):
        load_batch(content, "batch_1")
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
            load_batch(content, "batch")
        assert f"{module}.{name}" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"U\x06labels", b"U\x06lebals"), (b"U\x04data", b"U\x04dada"), (b"tbu.", b"tbu")],
    ids=["no labels", "no data", "cut off"],
)
def test_pickle_that_is_no_batch_is_one_line_with_its_name(content, old, new):
    assert content.count(old) == 1
    with pytest.raises(DamagedDataError, match=r"^batch_1: not a CIFAR-10 batch: .+$"):
        load_batch(content.replace(old, new), "batch_1")
