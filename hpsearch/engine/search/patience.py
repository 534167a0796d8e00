"""Retries while a database server restarts."""

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

Result = TypeVar("Result")

_log = logging.getLogger(__name__)
# Between two attempts; a server takes seconds to restart.
_PAUSE_S = 0.5


@dataclass(frozen=True)
class Patience:
    """Retries calls while a database server is unreachable.

    Parameters
    ----------
    seconds : float
        How long one call is retried until its error is raised; 0 for no retries.
    """

    seconds: float

    def persist(self, attempt: Callable[[bool], Result]) -> Result:
        """Call `attempt` until it does not fail for a lost connection, or `seconds` are over.

        Parameters
        ----------
        attempt : callable
            Called with whether it was called before: then that call may have succeeded, and
            only its result have been lost.
        """
        gives_up_at: float | None = None
        while True:
            try:
                return attempt(gives_up_at is not None)
            except Exception as error:
                if not self.seconds or not _is_lost_connection(error):
                    raise
                now = time.monotonic()
                if gives_up_at is None:
                    gives_up_at = now + self.seconds
                    _log.warning("the storage is away; waiting up to %.0f s", self.seconds)
                if now >= gives_up_at:
                    raise
                time.sleep(_PAUSE_S)


def _is_lost_connection(error: BaseException | None) -> bool:
    """Whether a lost or refused connection is among the causes of `error`."""
    while error is not None:
        # PendingRollbackError: a session lost its connection between two statements.
        if isinstance(error, OperationalError | InterfaceError | PendingRollbackError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        error = error.__cause__
    return False
