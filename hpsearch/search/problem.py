"""Something in a record that is not as it was written."""

from dataclasses import dataclass

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """A part of a record that was changed or lost.

    Parameters
    ----------
    trial : int or None
        The trial that it belongs to; None if to the study as a whole.
    text : str
        What is wrong with it.
    """

    trial: int | None
    text: str

    def __str__(self) -> str:
        return f"{'the study' if self.trial is None else f'trial {self.trial}'}: {self.text}"
