"""CIFAR-10 batches, out of their pickles with nothing called but what makes an array."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hpsearch.data.reading import one_line
from hpsearch.errors import DamagedDataError

__all__ = ["load_batch"]


def load_batch(content: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels and labels of one pickled batch.

    Parameters
    ----------
    content : bytes
        What the file holds, for which its published checksum has been verified.
    where : str
        What error messages call it.

    Returns
    -------
    pixels : uint8 array, shape (N, 3072)
        One row per image: all its red, then all green, then all blue, as they are stored.
    labels : int64 array, shape (N,)
        Class of each row, in [0, 10).

    Raises
    ------
    DamagedDataError
        If it is no readable pickle of a batch, or names a callable that a batch does not need;
        that is not called.
    """
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        return batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
    except Exception as error:  # a garbled pickle can raise any
        raise DamagedDataError(f"{where}: not a CIFAR-10 batch: {one_line(error)}") from error


class _BatchUnpickler(pickle.Unpickler):
    """A pickle names callables and has them called; this one finds only those of a batch."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return _ADMITTED[module, name]


def _reconstruct(_: type, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The empty array that the pickle fills next; NumPy's own is private and has moved."""
    return np.ndarray(shape, dtype)


# The official batches were pickled by Python 2 with an early NumPy.
_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
