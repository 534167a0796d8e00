"""Patience with a database server that restarts: what failed for want of it is done again."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
)

__all__ = ["Patience"]

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
# Between two tries; a server takes seconds to restart.
_PAUSE_S = 0.5


@dataclass(frozen=True)
class Patience:
    """How a server that has gone away is waited for.

    Parameters
    ----------
    seconds : float
        How long one call may wait; then its error is raised.
    """

    seconds: float

    def persist(self, attempt: Callable[[bool], Answer]) -> Answer:
        """Call `attempt` until it does not fail for want of the server, or patience ends.

        Parameters
        ----------
        attempt : callable
            Told whether it was called before: then it may have got through, and only its answer
            have been lost.
        """
        gives_up_at: float | None = None
        while True:
            try:
                return attempt(gives_up_at is not None)
            except Exception as error:
                if not self.seconds or not _is_for_want_of_the_server(error):
                    raise
                now = time.monotonic()
                if gives_up_at is None:
                    gives_up_at = now + self.seconds
                    _log.warning("the storage is away; waiting up to %.0f s", self.seconds)
                if now >= gives_up_at:
                    raise
                time.sleep(_PAUSE_S)


def _is_for_want_of_the_server(error: BaseException | None) -> bool:
    """Whether a lost or refused connection is at the bottom of `error`."""
    while error is not None:
        # The last is what a session says that lost its connection between two statements.
        if isinstance(error, OperationalError | InterfaceError | PendingRollbackError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        error = error.__cause__
    return False
