"""Sharing work among a few threads of a training."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Threads"]

Share = TypeVar("Share")
Result = TypeVar("Result")


class Threads:
    """Calls a function for each of some shares of work at the same time.

    Parameters
    ----------
    count : int
        Threads, the caller's own included.
    """

    def __init__(self, count: int) -> None:
        self._others = ThreadPoolExecutor(count - 1) if count > 1 else None

    def __call__(
        self, function: Callable[[Share], Result], shares: Sequence[Share]
    ) -> list[Result]:
        """The results, in the order of `shares`: one share for each thread, or fewer."""
        if not self._others:
            return [function(share) for share in shares]
        others = [self._others.submit(function, share) for share in shares[1:]]
        return [function(shares[0]), *(other.result() for other in others)]
