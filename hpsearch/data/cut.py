"""How a source becomes the splits of a study: the choice, as a value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from hpsearch.data.basis import Basis, load_basis

__all__ = ["Cut", "load_cut"]


@dataclass(frozen=True)
class Cut:
    """Which images go where, and what those that are trained on are written in.

    Parameters
    ----------
    n_train, n_validation : int
        The first images of a source's training split, and the ones after them.
    n_test : int or None
        The first images of its test split; None for all.
    basis : Basis, optional
        What the training images are written in; pixels if left out.
    is_augmentable : bool
        Whether they are there as pixels all the same, and what normalising their contrast takes.
    shuffle_seed : int, optional
        Shuffles the source's training split before it is cut; the source's own order if left out.
    """

    n_train: int
    n_validation: int
    n_test: int | None = None
    basis: Basis | None = None
    is_augmentable: bool = False
    shuffle_seed: int | None = None

    def describe(self) -> dict[str, Any]:
        """As JSON values; without a seed as before there were any, so old folders are found."""
        described = asdict(self)
        return {k: v for k, v in described.items() if k != "shuffle_seed" or v is not None}


def load_cut(described: Mapping[str, Any]) -> Cut:
    """What `Cut.describe` made of a cut, other keys beside.

    Raises
    ------
    KeyError, TypeError
        If it is none.
    """
    known: dict[str, Any] = {field.name: described.get(field.name) for field in fields(Cut)}
    return Cut(**known | {"basis": load_basis(described["basis"])})
