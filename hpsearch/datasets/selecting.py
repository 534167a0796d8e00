"""Select the examples of a data set that a study trains and validates on."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.splitting import SplitSpec, divide, order_items, take
from hpsearch.foundations.errors import UsageError

__all__ = ["Items", "Selection", "assign_folds", "check_positive", "select"]

_Indices: TypeAlias = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """The examples outside the test split, as splitting needs them: number, labels and units.

    Parameters
    ----------
    name, source : str
        Of the data set, for error messages.
    n, n_test : int
        Number of these examples, and of test examples.
    labels : int array, shape (n,), or None
        Their classes; None for regression.
    units : tuple of str, or None
        Unit of each; examples of one unit stay in one split. None if they are in a published
        order.
    is_validation : bool array, shape (n,), or None
        Whether each is in the source's own validation split; None without one.
    class_names : tuple of str
        Name of each class, for error messages; empty for regression.
    """

    name: str
    source: str
    n: int
    n_test: int
    labels: NDArray[np.int64] | None
    units: tuple[str, ...] | None
    is_validation: NDArray[np.bool_] | None = None
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Indices of a study's examples in its data set, in the order that the study uses.

    Parameters
    ----------
    train, validation : slice or int array
        The examples to train on, and those to validate on.
    """

    train: _Indices
    validation: _Indices


def check_positive(split_spec: SplitSpec) -> None:
    """Refuse sizes below 1.

    Raises
    ------
    UsageError
        Names the key.
    """
    sizes = {"test": split_spec.n_test}
    if split_spec.n_folds is None:
        sizes |= {"train": split_spec.n_train, "validation": split_spec.n_validation}
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise UsageError(f"data.{name} must be at least 1, got {size}")


def _check_sizes(items: Items, split_spec: SplitSpec) -> None:
    available = items.n
    if split_spec.n_folds is None:
        _check_splits(items, split_spec)
    if not items.n_test:
        raise UsageError(
            f"{items.source}: none of its {available} examples is for the test, as so few are"
            " there; add some, or bring a test split of your own"
        )
    if split_spec.n_test is not None and split_spec.n_test > items.n_test:
        raise UsageError(
            f"data.test = {split_spec.n_test} asks for more test examples than"
            f" the {items.n_test} of {items.name}"
        )


def _check_splits(items: Items, split_spec: SplitSpec) -> None:
    available = items.n
    n_requested = split_spec.n_train + split_spec.n_validation
    if n_requested > available:
        set_apart = f", besides {items.n_test} for the test" if items.units else ""
        raise UsageError(
            f"data.train = {split_spec.n_train} and data.validation ="
            f" {split_spec.n_validation} ask for"
            f" {n_requested} examples, {items.name} has {available} for the two{set_apart}"
        )


def select(items: Items, split_spec: SplitSpec) -> Selection:
    """Choose the examples to train on and those to validate on.

    Examples in a published order are taken in it, or shuffled: first the training split, then the
    validation split. All others, and stratified splits, are taken in the order of
    `hpsearch.datasets.splitting`: first the validation split, so that it does not
    change when the training split grows.

    Raises
    ------
    UsageError
        If `split_spec` asks for more examples than there are.
    """
    _check_sizes(items, split_spec)
    n, wanted = items.n, (split_spec.n_validation, split_spec.n_train)
    if items.units is None and not split_spec.stratify:
        first = slice(split_spec.n_train)
        then = slice(split_spec.n_train, split_spec.n_train + split_spec.n_validation)
        if split_spec.shuffle_seed is None:
            return Selection(first, then)
        shuffled = np.random.default_rng(split_spec.shuffle_seed).permutation(n)
        return Selection(shuffled[first], shuffled[then])
    units = items.units or tuple(map(str, range(n)))
    labels = items.labels if split_spec.stratify else None
    order = order_items(units, labels, split_spec.shuffle_seed)
    if items.is_validation is None:
        validation, train = take(units, order, wanted)
    else:
        is_validation = items.is_validation[order]
        (validation,) = take(units, order[is_validation], wanted[:1])
        (train,) = take(units, order[~is_validation], wanted[1:])
    for key, found, size in (("validation", validation, wanted[0]), ("train", train, wanted[1])):
        if len(found) < size:
            raise UsageError(
                f"data.{key} = {size}: {items.name} has {len(found)} examples for it, as those"
                " that belong together are not divided"
            )
    return Selection(train, validation)


def assign_folds(items: Items, split_spec: SplitSpec) -> NDArray[np.int64]:
    """Assign all examples outside the test split to the folds of cross-validation.

    Examples of one unit stay in one fold. Folds are drawn at random, even from examples in a
    published order, which may be sorted by class.

    Returns
    -------
    int array, shape (n,)
        The fold of each example, in [0, n_folds).

    Raises
    ------
    UsageError
        If there are fewer examples, groups or examples of a class than folds, or the source has
        a validation split of its own.
    """
    _check_sizes(items, split_spec)
    assert split_spec.n_folds is not None
    key = f"data.validation = {{ folds = {split_spec.n_folds} }}"
    if items.is_validation is not None:
        raise UsageError(
            f"{key}: {items.source} brings a validation split of its own; expected a number of"
            " its examples, or a source without one"
        )
    units = items.units or tuple(map(str, range(items.n)))
    labels = items.labels if split_spec.stratify else None
    if (n_units := len(set(units))) < split_spec.n_folds:
        raise UsageError(
            f"{key} asks for more folds than the {n_units} examples of {items.name}, of which those"
            " that belong together count as one"
        )
    if labels is not None:
        pairs = set(zip(labels.tolist(), units, strict=True))
        counts = np.bincount([label for label, _ in pairs])
        rarest = min(np.flatnonzero(counts), key=lambda label: int(counts[label]))
        if counts[rarest] < split_spec.n_folds:
            raise UsageError(
                f"{key} asks for more folds than the {counts[rarest]} examples of"
                f" {items.class_names[rarest]!r}, the smallest class of {items.name}, of which"
                " those that belong together count as one; expected fewer folds, or"
                " stratify = false"
            )
    return divide(units, labels, split_spec.n_folds, split_spec.shuffle_seed)
