"""Numbers as people read them."""

from typing import Any

__all__ = ["shorten_bytes", "shorten_duration", "shorten_number"]


def shorten_number(value: Any) -> str:
    """Four digits of a float; anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shorten_duration(seconds: float) -> str:
    """A duration as people say it: ``8.2 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def shorten_bytes(n: float) -> str:
    """A size as people say it: ``512 B``, ``1.2 MB``, ``30 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.1f} {unit}" if n < 10 and unit != "B" else f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"
