"""What training images may be written in, in place of pixels: the choice, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Basis", "Frequencies", "PrincipalComponents", "load_basis"]


@dataclass(frozen=True)
class PrincipalComponents:
    """How many components to keep: a count, or as many as keep a share of the variance.

    Parameters
    ----------
    count : int, optional
        At least 1; exactly one of the two is given.
    variance : float, optional
        Above 0, below 1.
    """

    count: int | None = None
    variance: float | None = None


@dataclass(frozen=True)
class Frequencies:
    """How many spatial frequencies to keep: those along which training images vary most.

    Parameters
    ----------
    count : int
        At least 1.
    kind : str
        Tells the two apart when they are written down.
    """

    count: int
    kind: Literal["frequencies"] = "frequencies"


Basis: TypeAlias = PrincipalComponents | Frequencies


def load_basis(described: Mapping[str, Any] | None) -> Basis | None:
    """What `dataclasses.asdict` made of a basis, or None of none.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if described is None:
        return None
    kind = Frequencies if "kind" in described else PrincipalComponents
    return kind(**described)
