"""A problem found in a study's record."""

from dataclasses import dataclass

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """A part of a record that was changed or lost.

    Parameters
    ----------
    trial : int or None
        Number of the trial concerned; None for the study as a whole.
    text : str
        Description of the problem.
    """

    trial: int | None
    text: str

    def __str__(self) -> str:
        return f"{'the study' if self.trial is None else f'trial {self.trial}'}: {self.text}"
