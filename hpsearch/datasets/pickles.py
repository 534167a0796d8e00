"""Unpickle CIFAR-10 batches, allowing only the callables that construct an array."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.text import one_line

__all__ = ["load_batch"]


def load_batch(content: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Unpickle the pixels and labels of one batch.

    Parameters
    ----------
    content : bytes
        Content of the file, whose published checksum has been verified.
    where : str
        Name of the file in error messages.

    Returns
    -------
    pixels : uint8 array, shape (N, 3072)
        One row per image: all its red, then all green, then all blue, as they are stored.
    labels : int64 array, shape (N,)
        Class of each row, in [0, 10).

    Raises
    ------
    DamagedDataError
        If it is not the pickle of a batch, or refers to any other callable, which is not called.
    """
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        return batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
    except Exception as error:  # a corrupt pickle can raise any
        raise DamagedDataError(f"{where}: not a CIFAR-10 batch: {one_line(error)}") from error


class _BatchUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the callables of a batch: pickles can call any other."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return _ALLOWED[module, name]


def _reconstruct(_: type, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Create the array that the pickle fills next; NumPy's function is private and has moved."""
    return np.ndarray(shape, dtype)


# The official batches were pickled by Python 2 with an early NumPy.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
