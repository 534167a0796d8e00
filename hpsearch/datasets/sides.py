"""Separate test items from those that a search may use, whatever the items are.

An item (an image, a row of a table) has *keys*: the name of its group, if it has one, and the
hash of its content. Items that share a key form a *unit*, which is never divided between splits.
Whether an item is a test item depends on its first key alone: neither further items nor the
split sizes of a study change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.splitting import draw, max_by_unit, number_units, order_items, take

__all__ = ["TEST_SHARE", "Role", "Sides", "choose_sides", "is_test_key", "suggest_sizes"]

# A constant, not a setting: with a smaller share, test items would become training items.
TEST_SHARE = 0.2

Role: TypeAlias = Literal["train", "validation", "test"]
# The highest applies if items of one unit were given different roles.
_PRECEDENCE: dict[Role, int] = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Sides:
    """Indices of the items that a search may use, and of those for the test alone.

    Parameters
    ----------
    search : int array, shape (N,)
        Items to train and validate on.
    test : int array, shape (M,)
        Test items; any first n of them hold the classes in about their shares.
    crossing : int array, shape (K,)
        Items on neither side: their unit has a role of higher precedence.
    units : tuple of str
        The unit of each item of `search`.
    is_validation : bool array, shape (N,), or None
        Which items of `search` were given for validation; None if none were.
    """

    search: NDArray[np.int64]
    test: NDArray[np.int64]
    crossing: NDArray[np.int64]
    units: tuple[str, ...]
    is_validation: NDArray[np.bool_] | None


def is_test_key(key: str) -> bool:
    """Whether items of `key` are test items, as those of `TEST_SHARE` of all keys always are."""
    return draw("test", key) < TEST_SHARE


def choose_sides(
    keys: Sequence[tuple[str, ...]],
    labels: NDArray[np.int64] | None,
    given: Sequence[Role | None] | None = None,
) -> Sides:
    """Separate test items from those that may be trained and validated on.

    A unit is for the test if `is_test_key` holds for the first key of any of its items. So an
    item stays on its side when items are added, unless one of them links its unit to one for the
    test; a test item never becomes a training item.

    Parameters
    ----------
    keys : sequence of tuple of str
        The keys of each item: one or more. Within a unit the items keep their order.
    labels : int array, shape (N,), or None
        The class of each item; None if there are none.
    given : sequence of str or None, optional
        The role of each item, if the source is split already. If any is "test", only those are
        test items. If the items of a unit were given different roles, test takes precedence
        over validation and validation over training, and the others are left out.
    """
    units = _link(keys)
    roles = list(given) if given is not None else [None] * len(keys)
    precedence = np.array([_PRECEDENCE[role or "train"] for role in roles], np.int64)
    index = number_units(units)
    if "test" not in roles:
        drawn = np.array([is_test_key(own[0]) for own in keys], bool)
        is_tested = max_by_unit(index, drawn.astype(np.int64)) > 0
        precedence[is_tested & (precedence == 0)] = _PRECEDENCE["test"]
    is_crossing = precedence < max_by_unit(index, precedence)
    search = np.flatnonzero(~is_crossing & (precedence < 2))
    test = np.flatnonzero(~is_crossing & (precedence == 2))
    order = order_items([units[i] for i in test], None if labels is None else labels[test])
    return Sides(
        search=search,
        test=test[order],
        crossing=np.flatnonzero(is_crossing),
        units=tuple(units[i] for i in search),
        is_validation=precedence[search] == 1 if "validation" in roles else None,
    )


def suggest_sizes(sides: Sides, labels: NDArray[np.int64]) -> tuple[int, int]:
    """Suggest the numbers of training and validation items: all items, at about 4 : 1.

    Parameters
    ----------
    sides : Sides
        Sides of the items that have `labels`.
    labels : int array, shape (N,)
        The class of each item, on whichever side.
    """
    if sides.is_validation is not None:
        n_validation = int(sides.is_validation.sum())
        return len(sides.search) - n_validation, n_validation
    order = order_items(sides.units, labels[sides.search])
    n_validation = len(order) // 5
    _, train = take(sides.units, order, (n_validation, len(order)))
    return len(train), n_validation


def _link(keys: Sequence[tuple[str, ...]]) -> list[str]:
    """Link items that share a key: return the unit of each item, named after its least key."""
    # Union-find with path halving.
    parents: dict[str, str] = {}

    def find(key: str) -> str:
        parents.setdefault(key, key)
        while (parent := parents[key]) != key:
            parents[key] = key = parents[parent]
        return key

    for own in keys:
        for other in own[1:]:
            low, high = sorted((find(own[0]), find(other)))
            parents[high] = low
    return [find(own[0]) for own in keys]
