"""CIFAR-10 batches, out of their pickles without running anything that a pickle asks for.

A pickle is a program: it names callables and has them called. This reader calls none. Each
name that a batch needs is answered with an inert `_Recorded`, which only notes what it was
called with; the array is then built here from what was noted. Any other name is refused.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.reading import one_line, read_bytes
from hpsearch.errors import DamagedDataError

__all__ = ["IMAGE_BYTES", "N_CLASSES", "load_batch"]

IMAGE_BYTES = 3 * 32 * 32
N_CLASSES = 10

_RECONSTRUCT = "numpy.core.multiarray._reconstruct"
_ARRAY = "numpy.ndarray"
_DTYPE = "numpy.dtype"
# All that the official batches name (they were pickled by Python 2, protocol 2).
_ADMITTED = frozenset({_RECONSTRUCT, _ARRAY, _DTYPE})


def load_batch(
    batch: Path | bytes, *, where: str | None = None, is_vouched_for: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels and labels of one pickled batch.

    Parameters
    ----------
    batch : Path or bytes
        The file, or what it holds.
    where : str, optional
        What error messages call it; the path if there is one.
    is_vouched_for : bool
        Whether a checksum has said that it is as it was published. Otherwise it is first looked
        through for what would take more memory than there may be.

    Returns
    -------
    pixels : uint8 array, shape (N, 3072), read-only
        One row per image: all its red, then all green, then all blue, as they are stored.
    labels : int64 array, shape (N,)
        Class of each row, in [0, 10).

    Raises
    ------
    DamagedDataError
        If the pickle is none, names a global that a batch does not need (nothing it names
        is ever run), or holds anything but a batch.
    MissingDataError
        If `batch` is a path where no file is.
    """
    where = where or (str(batch) if isinstance(batch, Path) else "batch")
    content = read_bytes(batch) if isinstance(batch, Path) else batch
    try:
        if not is_vouched_for:
            _check_memo(content)
        value = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        return _read_pixels(value), _read_labels(value)
    except _NotABatchError as error:
        raise DamagedDataError(f"{where}: not a CIFAR-10 batch: {error}") from None
    except Exception as error:  # a garbled pickle can raise any
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise DamagedDataError(f"{where}: not a readable pickle: {reason}") from error


class _NotABatchError(Exception):
    """The pickle holds something else than a batch."""


class _Recorded:
    """Stands for a global: notes how it is called and what state it is given, does nothing."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.arguments = arguments
        self.state: Any = None

    def __call__(self, *arguments: Any) -> "_Recorded":
        return _Recorded(self.name, arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> _Recorded:
        full_name = f"{module}.{name}"
        if full_name not in _ADMITTED:
            raise _NotABatchError(f"it asks for the global {full_name!r}, which no batch needs")
        return _Recorded(full_name)


def _check_memo(content: bytes) -> None:
    # The unpickler's memo is an array that it grows, and fills, up to the largest index a
    # pickle names: a single flipped bit could take 16 GB of memory.
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in {"PUT", "LONG_BINPUT"} and (argument or 0) > len(content):
            raise _NotABatchError(f"memo index {argument} in {len(content)} bytes")


def _entry(value: Any, key: bytes) -> Any:
    if not isinstance(value, dict) or key not in value:
        raise _NotABatchError(f"expected a dictionary with the key {key.decode()!r}")
    return value[key]


def _read_pixels(value: Any) -> NDArray[np.uint8]:
    array = _entry(value, b"data")
    _require(_is_call(array, _RECONSTRUCT), "data is no array")
    _require(isinstance(array.state, tuple) and len(array.state) == 5, "data has no content")
    _, shape, dtype, is_fortran, content = array.state
    _require(_is_call(dtype, _DTYPE) and dtype.arguments[:1] == (b"u1",), "data is not uint8")
    _require(is_fortran is False, "data is stored by columns")
    _require(isinstance(content, bytes) and len(content) > 0, "data has no content")
    expected = (len(content) // IMAGE_BYTES, IMAGE_BYTES)
    _require(
        shape == expected and len(content) % IMAGE_BYTES == 0,
        f"data is not an array of {len(content)} bytes in rows of {IMAGE_BYTES}",
    )
    return np.frombuffer(content, dtype=np.uint8).reshape(expected)


def _read_labels(value: Any) -> NDArray[np.int64]:
    labels = _entry(value, b"labels")
    n_images = len(_read_pixels(value))
    _require(isinstance(labels, list), "labels are no list")
    _require(len(labels) == n_images, f"{len(labels)} labels for {n_images} images")
    _require(
        all(type(label) is int and 0 <= label < N_CLASSES for label in labels),
        f"a label is not a whole number in [0, {N_CLASSES})",
    )
    return np.array(labels, dtype=np.int64)


def _is_call(value: Any, name: str) -> bool:
    return isinstance(value, _Recorded) and value.name == name


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _NotABatchError(otherwise)
