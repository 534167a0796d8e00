from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.engine.trial_files import load_predictions, save_predictions
from hpsearch.foundations.errors import DamagedDataError


@given(st.data())
def test_predictions_are_stored_in_the_smallest_dtype_and_read_back_equal(
    data: st.DataObject,
) -> None:
    import tempfile

    n_classes = data.draw(st.integers(1, 1000))
    labels = np.array(data.draw(st.lists(st.integers(0, n_classes - 1))), np.int64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.npy"
        save_predictions(path, labels, n_classes)
        assert np.array_equal(load_predictions(path), labels)
        assert np.load(path).itemsize == (1 if n_classes <= 256 else 2)


def test_missing_predictions_are_distinguished_from_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_predictions(tmp_path / "p.npy")


@pytest.mark.parametrize(
    "wrong", [np.zeros(3, np.int64), np.zeros((2, 2), np.uint8), np.array(1, np.uint8)]
)
def test_another_array_is_refused(wrong: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", wrong)
    with pytest.raises(DamagedDataError, match="expected predictions"):
        load_predictions(tmp_path / "p.npy")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00v\x00{", b"PK\x03\x04"])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.npy").write_bytes(content)
    with pytest.raises(DamagedDataError, match="expected predictions"):
        load_predictions(tmp_path / "p.npy")
