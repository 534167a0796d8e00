"""Compare two definitions key by key."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["list_changes"]


def list_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """List the keys whose values differ between two definitions, with both values.

    Parameters
    ----------
    before, after : mapping
        Returned by `StudyDefinition.identity_fields`.

    Returns
    -------
    list of str
        For example ``search.space.reg.high: 0.1 -> 0.5``; empty if they are equal.
    """
    old, new = dict(_flatten(before)), dict(_flatten(after))
    return [
        f"{key}: {old.get(key, 'nothing')} -> {new.get(key, 'nothing')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        items: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = iter(enumerate(value))
    else:
        yield path, value
        return
    for key, inner in items:
        yield from _flatten(inner, f"{path}.{key}" if path else str(key))
