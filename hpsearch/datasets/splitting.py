"""Divide items of any kind into training, validation and test split, or into folds.

An item (an image, a row of a table) has *keys*: the name of its group, if it has one, and the
hash of its content. Items that share a key form a *unit*, which is never divided between splits.
Whether an item is a test item depends on its first key alone: neither further items nor the
split sizes of a study change it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TEST_SHARE",
    "Role",
    "Sides",
    "choose_sides",
    "divide",
    "is_test_key",
    "order_items",
    "suggest_sizes",
    "take",
]

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
    return _draw("test", key) < TEST_SHARE


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
    index = _number(units)
    if "test" not in roles:
        drawn = np.array([is_test_key(own[0]) for own in keys], bool)
        is_tested = _max_by_unit(index, drawn.astype(np.int64)) > 0
        precedence[is_tested & (precedence == 0)] = _PRECEDENCE["test"]
    is_crossing = precedence < _max_by_unit(index, precedence)
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


def order_items(
    units: Sequence[str], labels: NDArray[np.int64] | None, seed: int | None = None
) -> NDArray[np.int64]:
    """Draw the order in which splits take items: pseudo-random, unit by unit.

    Parameters
    ----------
    units : sequence of str
        The unit of each item.
    labels : int array, shape (N,), or None
        With labels the order is stratified: every stretch of it holds the classes in about their
        overall shares. A unit counts as its most frequent label.
    seed : int, optional
        Draws another order.

    Returns
    -------
    int array, shape (N,)
        Indices of the items. Depends on the names of the units, not on their order.
    """
    if not len(units):
        return np.empty(0, np.int64)
    index = _number(units)
    sizes = np.bincount(index)
    names = np.empty(len(sizes), object)
    names[index] = units
    draws = np.array([_draw(f"order {seed}", name) for name in names])
    strata = np.zeros(len(sizes), np.int64) if labels is None else _main_labels(index, labels)
    drawn = np.lexsort((draws, strata))
    totals = np.bincount(strata, weights=sizes)
    first = np.searchsorted(strata[drawn], strata[drawn])
    ends = np.cumsum(sizes[drawn])
    before = ends - sizes[drawn]
    middles = (before - before[first] + sizes[drawn] / 2) / totals[strata[drawn]]
    ranks = np.empty(len(sizes), np.int64)
    ranks[drawn[np.lexsort((strata[drawn], middles))]] = np.arange(len(sizes))
    return np.argsort(ranks[index], kind="stable")


def take(
    units: Sequence[str], order: NDArray[np.int64], sizes: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Take splits of `sizes` items from `order`, one after another.

    If a split ends within a unit, the rest of that unit is left out. The last split is shorter
    than requested if there are too few items.
    """
    index = _number(units)[order]
    starts = np.append(np.flatnonzero(np.diff(index, prepend=-1)), len(order))
    splits, begin = [], 0
    for size in sizes:
        splits.append(order[begin : begin + size])
        begin = int(starts[np.searchsorted(starts, min(begin + size, len(order)))])
    return splits


def divide(
    units: Sequence[str], labels: NDArray[np.int64] | None, n_folds: int, seed: int | None = None
) -> NDArray[np.int64]:
    """Divide items into folds of about equal size: pseudo-random, unit by unit.

    Parameters
    ----------
    units : sequence of str
        The unit of each item.
    labels : int array, shape (N,), or None
        With labels folds are stratified: each holds the classes in about their overall shares. A
        unit counts as its most frequent label.
    n_folds : int
        Number of folds.
    seed : int, optional
        Draws other folds.

    Returns
    -------
    int array, shape (N,)
        The fold of each item, in [0, n_folds). Depends on the names of the units, not on their
        order. Without units of several items, folds differ by one item at most, and so do the
        shares of each class in them.
    """
    index = _number(units)
    sizes = np.bincount(index)
    draws = np.array([_draw(f"fold {seed}", name) for name in dict.fromkeys(units)])
    strata = np.zeros(len(sizes), np.int64) if labels is None else _main_labels(index, labels)
    fold_of_unit = np.empty(len(sizes), np.int64)
    filled = np.zeros(n_folds, np.int64)
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        filled_by_stratum = np.zeros(n_folds, np.int64)
        # Largest units first: smaller ones then even out the sizes.
        for unit in own[np.lexsort((draws[own], -sizes[own]))]:
            fold = np.lexsort((filled, filled_by_stratum))[0]
            fold_of_unit[unit] = fold
            filled_by_stratum[fold] += sizes[unit]
            filled[fold] += sizes[unit]
    return fold_of_unit[index]


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


def _draw(purpose: str, key: str) -> float:
    """Return a pseudo-random number in [0, 1) that depends on `purpose` and `key` alone."""
    digest = hashlib.sha256(f"{purpose}\0{key}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8]) / 2**64


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


def _number(units: Sequence[str]) -> NDArray[np.int64]:
    """Return the units as numbers, in the order of their first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(unit, len(numbers)) for unit in units], np.int64)


def _max_by_unit(index: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each item the largest of `values` among the items of its unit."""
    largest = np.zeros(len(index), np.int64)
    np.maximum.at(largest, index, values)
    return largest[index]


def _main_labels(index: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent label of each unit; the least of those in case of a tie."""
    pairs, counts = np.unique(np.stack([index, labels]), axis=1, return_counts=True)
    best = np.lexsort((-pairs[1], counts))  # of several assignments the last one counts
    main = np.empty(index.max() + 1, np.int64)
    main[pairs[0][best]] = pairs[1][best]
    return main
