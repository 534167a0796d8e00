"""What the doctor says of one thing."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Parameters
    ----------
    topic : str
        What was looked at, in a word.
    text : str
        What was found.
    advice : str or None
        What to do about it.
    exit_code : int
        0 unless the run would fail; then the code that it would fail with.
    """

    topic: str
    text: str
    advice: str | None = None
    exit_code: int = 0

    @property
    def mark(self) -> str:
        """``ok``; ``!`` where the run would go, but not well; ``x`` where it would not."""
        return "x" if self.exit_code else "!" if self.advice else "ok"
