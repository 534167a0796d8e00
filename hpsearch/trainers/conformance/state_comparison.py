"""Exact comparison of states and arrays, which names the first value that differs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_difference"]


def find_difference(one: Any, other: Any, path: str = "") -> str | None:
    """Find the first difference between two values, compared bit for bit.

    Parameters
    ----------
    one, other : Any
        Arrays and plain values, in nested mappings, lists and tuples. The order of a mapping's
        keys does not matter.
    path : str
        What the values are, for the result.

    Returns
    -------
    str or None
        Path and both values, such as ``optimizer.0.momentum[3, 7]: 0.25 and 0.5``; None if the
        values are equal.
    """
    if type(one) is not type(other) and not _are_arrays(one, other):
        return f"{path}: {type(one).__name__} and {type(other).__name__}"
    if isinstance(one, Mapping):
        return _compare_mappings(one, other, path)
    if isinstance(one, list | tuple):
        return _compare_sequences(one, other, path)
    if isinstance(one, np.ndarray | np.generic):
        return _compare_arrays(np.asarray(one), np.asarray(other), path)
    if repr(one) != repr(other):  # tells 0.0 from -0.0, and nan is equal to nan
        return f"{path}: {one!r} and {other!r}"
    return None


def _are_arrays(one: Any, other: Any) -> bool:
    """Whether both are arrays, memory-mapped or not."""
    return isinstance(one, np.ndarray) and isinstance(other, np.ndarray)


def _compare_mappings(one: Mapping[Any, Any], other: Mapping[Any, Any], path: str) -> str | None:
    for key in [*one, *(key for key in other if key not in one)]:
        inner = f"{path}.{key}" if path else str(key)
        if key not in other:
            return f"{inner}: only in the first"
        if key not in one:
            return f"{inner}: only in the second"
        if difference := find_difference(one[key], other[key], inner):
            return difference
    return None


def _compare_sequences(one: Sequence[Any], other: Sequence[Any], path: str) -> str | None:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if difference := find_difference(left, right, f"{path}.{index}"):
            return difference
    return None if len(one) == len(other) else f"{path}: {len(one)} and {len(other)} items"


def _compare_arrays(one: NDArray[Any], other: NDArray[Any], path: str) -> str | None:
    if one.dtype != other.dtype or one.shape != other.shape:
        left, right = (f"{a.dtype} of shape {a.shape}" for a in (one, other))
        return f"{path}: {left} and {right}"
    if one.tobytes() == other.tobytes():
        return None
    bits = [np.frombuffer(a.tobytes(), np.uint8).reshape(a.size, -1) for a in (one, other)]
    first = int(np.argmax(np.any(bits[0] != bits[1], axis=1)))
    index = tuple(int(i) for i in np.unravel_index(first, one.shape))
    place = f"{path}[{', '.join(map(str, index))}]" if index else path
    return f"{place}: {one[index]} and {other[index]}"
