"""Conversion of a trainer's state to arrays and JSON, and back, without pickle."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.foundations.hashing import hash_arrays

__all__ = ["flatten_state", "hash_state", "name_by_fold", "unflatten_state"]

# Keys of the JSON objects that stand for what JSON does not have.
_ARRAY, _SCALAR, _TUPLE, _DICT, _FLOAT = "array", "scalar", "tuple", "dict", "float"
# Characters that not all kinds of files take in the name of an array.
_UNSAFE = re.compile(r"[^\w.-]")


def flatten_state(state: Mapping[str, Any]) -> tuple[dict[str, NDArray[Any]], str]:
    """Separate the arrays of a state from its structure.

    Parameters
    ----------
    state : mapping
        Arrays of real numbers or booleans, numbers, strings, booleans and None, in nested dicts,
        lists and tuples. Keys are strings or integers.

    Returns
    -------
    arrays : dict
        Arrays by their path in the state, such as ``optimizer.0.momentum``: letters, digits,
        ``.``, ``-`` and ``_``.
    structure : str
        All else as JSON.

    Raises
    ------
    TypeError
        If the state holds anything else.
    """
    arrays: dict[str, NDArray[Any]] = {}

    def keep(array: NDArray[Any], path: str) -> str:
        # All that safetensors can hold, of which an exported model consists.
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise TypeError(f"{path}: expected real numbers, got an array of {array.dtype}")
        name = _UNSAFE.sub("_", path)
        # Keys with dots in them; NumPy reads x.npy as another name of x; safetensors' own name.
        while name in ("__metadata__", *arrays) or name.endswith(".npy"):
            name += "_"
        arrays[name] = array
        return name

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
        wrong = [key for key in keys if not isinstance(key, str | int) or isinstance(key, bool)]
        if wrong:
            raise TypeError(
                f"{prefix or 'state'}: expected strings or integers as keys, got "
                f"{type(wrong[0]).__name__}"
            )
        # As pairs: JSON would turn integers into strings.
        return {_DICT: [[key, convert(value[key], f"{prefix}{key}")] for key in keys]}

    structure = convert_mapping(state, "")
    return arrays, json.dumps(structure)


def hash_state(state: Mapping[str, Any]) -> str:
    """Hash a state by SHA-256: equal states have equal hashes, whatever the order of their keys.

    Raises
    ------
    TypeError
        As `flatten_state`.
    """
    arrays, structure = flatten_state(_sort(state))
    if not _has_arrays_alone(state):
        arrays["structure"] = np.frombuffer(structure.encode(), np.uint8)
    return hash_arrays(arrays)


def name_by_fold(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Collect the models of all folds in one mapping, as ``fold1`` and so on."""
    return {f"fold{number}": model for number, model in enumerate(models, 1)}


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


def _sort(value: Any) -> Any:
    """Sort the keys of all mappings in `value`; integers before strings."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (isinstance(key, str), key))
        return {key: _sort(value[key]) for key in keys}
    if isinstance(value, list):
        return [_sort(item) for item in value]
    return tuple(map(_sort, value)) if isinstance(value, tuple) else value


def _has_arrays_alone(value: Any) -> bool:
    """Whether `value` is an array, or a mapping with nothing but arrays in it."""
    if isinstance(value, Mapping):
        return all(_has_arrays_alone(inner) for inner in value.values())
    return isinstance(value, np.ndarray)
