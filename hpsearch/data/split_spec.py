"""How a source becomes the splits of a study: the choice, as a value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from hpsearch.data.basis import Basis, load_basis

__all__ = ["SplitSpec", "load_split_spec"]


@dataclass(frozen=True)
class SplitSpec:
    """Which images go where, and what those that are trained on are written in.

    Parameters
    ----------
    n_train, n_validation : int
        How many images of a source's training split are trained on and validated on. With folds
        all are used: 0 in what is asked for, and in prepared data all of them and 0.
    n_test : int or None
        The first images of its test split; None for all.
    basis : Basis, optional
        What the training images are written in; pixels if left out.
    is_augmentable : bool
        Whether they are there as pixels all the same, and what normalising their contrast takes.
    shuffle_seed : int, optional
        Shuffles the source's training split before it is cut; the source's own order if left out.
    stratify : bool
        Whether training and validation split, or folds, hold the classes in equal shares.
    n_folds : int, optional
        Of cross-validation: how many folds all images but those for the test are divided into.
    """

    n_train: int
    n_validation: int
    n_test: int | None = None
    basis: Basis | None = None
    is_augmentable: bool = False
    shuffle_seed: int | None = None
    stratify: bool = False
    n_folds: int | None = None

    def describe(self) -> dict[str, Any]:
        """As JSON values; without a seed, strata and folds as before there were any."""
        described = asdict(self)
        unset = {"shuffle_seed": None, "stratify": False, "n_folds": None}
        return {k: v for k, v in described.items() if k not in unset or v != unset[k]}


def load_split_spec(described: Mapping[str, Any]) -> SplitSpec:
    """What `SplitSpec.describe` made of a cut, other keys beside.

    Raises
    ------
    KeyError, TypeError
        If it is none.
    """
    known = {
        field.name: described[field.name] for field in fields(SplitSpec) if field.name in described
    }
    return SplitSpec(**known | {"basis": load_basis(described["basis"])})
