"""Specification of how a data source is split."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["SplitSpec", "load_split_spec"]


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
