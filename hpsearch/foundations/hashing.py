"""Content hashes: equal content has an equal hash on every machine."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.text import one_line

__all__ = ["hash_arrays", "hash_data_file", "hash_file", "hash_json"]


def hash_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, dtypes, shapes and values, whatever the order and the file format.

    Parameters
    ----------
    arrays : mapping
        Name to array.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little.dtype.str} {little.shape}\n".encode())
        digest.update(little.data)
    return digest.hexdigest()


def hash_json(value: Any) -> str:
    """SHA-256 of `value` as canonical JSON; floats are written exactly.

    Parameters
    ----------
    value : Any
        Serialisable as JSON.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    # Python writes a float with the fewest digits that read back as the same float.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in 64 hexadecimal digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_data_file(path: Path) -> str:
    """Return the SHA-256 of a file of the user's; see `hash_file`.

    Raises
    ------
    DamagedDataError
        If it cannot be read.
    """
    try:
        return hash_file(path)
    except OSError as error:
        raise DamagedDataError(f"{path}: cannot be read: {one_line(error)}") from error
