"""The result of one check."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Parameters
    ----------
    topic : str
        What was checked, in a word.
    text : str
        What was found.
    advice : str or None
        What to do about it; None if all is well.
    exit_code : int
        Exit code with which the run would fail; 0 if it would not.
    """

    topic: str
    text: str
    advice: str | None = None
    exit_code: int = 0

    @property
    def mark(self) -> str:
        """``ok``; ``!`` where the run would work, but not well; ``x`` where it would fail."""
        return "x" if self.exit_code else "!" if self.advice else "ok"
