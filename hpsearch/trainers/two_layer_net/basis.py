"""Settings of the input transform that replaces pixels: PCA or DCT."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Basis", "Frequencies", "PrincipalComponents", "load_basis"]


@dataclass(frozen=True)
class PrincipalComponents:
    """PCA: how many components to keep, as a count or by a share of the variance.

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
    """DCT: how many frequencies to keep, those with the largest variance of training images.

    Parameters
    ----------
    count : int
        At least 1.
    kind : str
        Distinguishes the two transforms in JSON.
    """

    count: int
    kind: Literal["frequencies"] = "frequencies"


Basis: TypeAlias = PrincipalComponents | Frequencies


def load_basis(described: Mapping[str, Any] | None) -> Basis | None:
    """Restore a transform from the output of `dataclasses.asdict`; None from None.

    Raises
    ------
    TypeError
        If the keys are those of neither transform.
    """
    if described is None:
        return None
    kind = Frequencies if "kind" in described else PrincipalComponents
    return kind(**described)
