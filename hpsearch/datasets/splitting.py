"""How a data set is split: its specification, and the drawing of splits and folds.

Items (images, rows of a table) are drawn by units, which are never divided between splits; see
`hpsearch.datasets.sides`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SplitSpec",
    "divide",
    "draw",
    "load_split_spec",
    "max_by_unit",
    "number_units",
    "order_items",
    "take",
]


@dataclass(frozen=True)
class SplitSpec:
    """Sizes of the splits, and how they are drawn.

    Parameters
    ----------
    n_train, n_validation : int
        Number of training and validation examples, from the source's training split. With folds
        all of them are used: a study asks for 0 and 0, prepared data has all of them and 0.
    n_test : int or None
        Number of test examples, the first of the source's test split; None for all.
    shuffle_seed : int, optional
        Shuffles the source's training split before it is divided; the source's order if omitted.
    stratify : bool
        Whether training and validation split, or folds, are stratified by class.
    n_folds : int, optional
        Number of folds of cross-validation, which divide all examples outside the test split.
    """

    n_train: int
    n_validation: int
    n_test: int | None = None
    shuffle_seed: int | None = None
    stratify: bool = False
    n_folds: int | None = None

    def describe(self) -> dict[str, Any]:
        """Return the fields as JSON values; seed, stratification and folds only if set."""
        described = asdict(self)
        unset = {"shuffle_seed": None, "stratify": False, "n_folds": None}
        return {k: v for k, v in described.items() if k not in unset or v != unset[k]}


def load_split_spec(described: Mapping[str, Any]) -> SplitSpec:
    """Restore a `SplitSpec` from the output of `SplitSpec.describe`; other keys are ignored.

    Raises
    ------
    TypeError
        If a field is missing or invalid.
    """
    names = [field.name for field in fields(SplitSpec)]
    return SplitSpec(**{name: described[name] for name in names if name in described})


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
    index = number_units(units)
    sizes = np.bincount(index)
    names = np.empty(len(sizes), object)
    names[index] = units
    draws = np.array([draw(f"order {seed}", name) for name in names])
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
    index = number_units(units)[order]
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
    index = number_units(units)
    sizes = np.bincount(index)
    draws = np.array([draw(f"fold {seed}", name) for name in dict.fromkeys(units)])
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


def draw(purpose: str, key: str) -> float:
    """Return a pseudo-random number in [0, 1) that depends on `purpose` and `key` alone."""
    digest = hashlib.sha256(f"{purpose}\0{key}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8]) / 2**64


def number_units(units: Sequence[str]) -> NDArray[np.int64]:
    """Return the units as numbers, in the order of their first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(unit, len(numbers)) for unit in units], np.int64)


def max_by_unit(index: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
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
