"""Conversion of the state dicts of PyTorch to NumPy arrays and plain values, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

__all__ = ["convert_tensors", "restore_tensors"]

# Types that NumPy does not have, such as torch.bfloat16, are kept as integers of their size.
_INTEGERS = {1: torch.uint8, 2: torch.int16}
_PREFIX = "torch."


def convert_tensors(value: Any, path: str) -> Any:
    """Copy nested dicts, lists and tuples with arrays in place of tensors.

    Parameters
    ----------
    value : any
        Of PyTorch's types only tensors are converted.
    path : str
        Where it is, for the error message.

    Raises
    ------
    TypeError
        If it holds an array of NumPy, which would come back as a tensor.
    """
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        try:
            return tensor.numpy().copy()
        except TypeError:
            bits = tensor.contiguous().view(_INTEGERS[tensor.element_size()])
            return {str(tensor.dtype): bits.numpy().copy()}
    if isinstance(value, np.ndarray):
        raise TypeError(f"{path}: expected a tensor, got an array of NumPy")
    if isinstance(value, Mapping):
        return {key: convert_tensors(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [convert_tensors(item, f"{path}.{i}") for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def restore_tensors(value: Any) -> Any:
    """Restore a state dict from the output of `convert_tensors`."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())  # those of a file may be read-only
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((key, bits),) = value.items()
            if str(key).startswith(_PREFIX) and isinstance(bits, np.ndarray):
                return torch.from_numpy(bits.copy()).view(getattr(torch, key[len(_PREFIX) :]))
        return {key: restore_tensors(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [restore_tensors(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value
