"""Handwritten digits, 8 x 8 pixels, from inside scikit-learn: nothing to download."""

import gzip
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.dataset import Dataset, hash_splits
from hpsearch.foundations.errors import DamagedDataError

__all__ = ["Digits"]

# scikit-learn publishes no test split, and its rows are ordered by writer; so they are shuffled
# with one fixed seed before they are split.
_SHUFFLE_SEED = 0
_N_TEST = 300
# Of the four arrays of the splits; detects a scikit-learn release with other images.
_CHECKSUM = "85eacd1f4859ff918e48eb9dc2deca13f014f09771d9d1dfb6f0f1774055db26"


@dataclass(frozen=True)
class Digits:
    """The 1,797 images of `sklearn.datasets.load_digits`: 1,497 to train on, 300 to test.

    Grey levels are 0 to 16. Source: E. Alpaydin, C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository, 1998 (its test part).
    """

    name: ClassVar[str] = "digits"

    @property
    def checksum(self) -> str:
        """SHA-256 of the images and labels of both splits, a constant."""
        return _CHECKSUM

    def load(self) -> Dataset:
        """Load the images and divide them into the two splits.

        Returns
        -------
        Dataset
            Images of shape (N, 8, 8, 1).

        Raises
        ------
        DamagedDataError
            If the images of the installed scikit-learn are others.
        """
        rows = _read_rows()
        # RandomState, because NEP 19 froze its stream; a Generator's may change with NumPy.
        rows = rows[np.random.RandomState(_SHUFFLE_SEED).permutation(len(rows))]
        images = np.ascontiguousarray(rows[:, :-1]).reshape(-1, 8, 8, 1)
        labels = rows[:, -1].astype(np.int64)
        splits = (images[:-_N_TEST], labels[:-_N_TEST], images[-_N_TEST:], labels[-_N_TEST:])
        checksum = hash_splits(*splits)
        if checksum != _CHECKSUM:
            raise DamagedDataError(
                f"sklearn.datasets.load_digits: images have the SHA-256 {checksum},"
                f" expected {_CHECKSUM}"
            )
        class_names = tuple(str(digit) for digit in range(10))
        source = "sklearn.datasets.load_digits"
        return Dataset(self.name, *splits, class_names, checksum, source)


def _read_rows() -> NDArray[np.uint8]:
    """Read scikit-learn's file: 64 grey levels and the class in each row.

    Importing scikit-learn to call `load_digits` would take one to two seconds.
    """
    spec = find_spec("sklearn")
    assert spec
    assert spec.origin
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt") as file:
            return np.loadtxt(file, np.uint8, delimiter=",")
    except (OSError, EOFError, ValueError) as error:
        raise DamagedDataError(f"{path}: expected scikit-learn's digits, got {error}") from error
