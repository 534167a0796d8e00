"""Conversion of a trainer's state to arrays and JSON, and back, without pickle."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["flatten_state", "unflatten_state"]

# Keys of the JSON objects that stand for what JSON does not have.
_ARRAY, _SCALAR, _TUPLE, _DICT, _FLOAT = "array", "scalar", "tuple", "dict", "float"


def flatten_state(state: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], str]:
    """Separate the arrays of a state from its structure.

    Parameters
    ----------
    state : mapping
        Arrays, numbers, strings, booleans and None, in nested dicts, lists and tuples. Keys are
        strings or integers.

    Returns
    -------
    arrays : dict
        Arrays by their path in the state, such as ``optimizer.0.momentum``.
    structure : str
        All else as JSON.

    Raises
    ------
    TypeError
        If the state holds anything else.
    """
    arrays: dict[str, NDArray[Any]] = {}

    def keep(array: NDArray[Any], path: str) -> str:
        if array.dtype.hasobject:
            raise TypeError(f"{path}: expected numbers, got an array of Python objects")
        while path in arrays:  # keys with dots in them
            path += "_"
        arrays[path] = array
        return path

    def convert(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            return {_ARRAY: keep(value, path)}
        if isinstance(value, np.generic):
            return {_SCALAR: keep(np.asarray(value), path)}
        if isinstance(value, bool | int | str) or value is None:
            return value
        if isinstance(value, float):
            return value if np.isfinite(value) else {_FLOAT: repr(value)}
        if isinstance(value, list | tuple):
            items = [convert(item, f"{path}.{i}") for i, item in enumerate(value)]
            return {_TUPLE: items} if isinstance(value, tuple) else items
        if isinstance(value, Mapping):
            return convert_mapping(value, f"{path}.")
        raise TypeError(
            f"{path}: expected an array, a number, a string, or lists, tuples and dicts of such, "
            f"got {type(value).__name__}"
        )

    def convert_mapping(value: Mapping[Any, Any], prefix: str) -> dict[str, Any]:
        keys = list(value)
        if not all(isinstance(key, str | int) and not isinstance(key, bool) for key in keys):
            raise TypeError(f"{prefix or 'state'}: expected strings or integers as keys")
        # As pairs: JSON would turn integers into strings.
        return {_DICT: [[key, convert(value[key], f"{prefix}{key}")] for key in keys]}

    structure = convert_mapping(state, "")
    return arrays, json.dumps(structure)


def unflatten_state(arrays: Mapping[str, NDArray[Any]], structure: str) -> dict[str, Any]:
    """Restore a state from the output of `flatten_state`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If arrays or structure are not as `flatten_state` returned them.
    """

    def restore(value: Any) -> Any:
        if isinstance(value, list):
            return [restore(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        if kind == _ARRAY:
            return arrays[content]
        if kind == _SCALAR:
            return arrays[content][()]
        if kind == _FLOAT:
            return float(content)
        if kind == _TUPLE:
            return tuple(restore(item) for item in content)
        if kind == _DICT:
            return {key: restore(item) for key, item in content}
        raise ValueError(f"unknown kind of value {kind!r}")

    restored = restore(json.loads(structure))
    if not isinstance(restored, dict):
        raise TypeError(f"expected a dict, got {type(restored).__name__}")
    return restored
