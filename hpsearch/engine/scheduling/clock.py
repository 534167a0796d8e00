"""Cost of a session: wall time, and time that workers waited for the lag."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hpsearch.engine.records import SESSIONS
from hpsearch.engine.scheduling.session import Session

__all__ = ["Clock"]


@dataclass
class Clock:
    """Measures the cost of one session, for the study's record.

    Parameters
    ----------
    session : Session
        The session that is measured.
    n_jobs : int
        Maximum number of running trials.
    waits_for_lag : bool
        Whether idle workers wait because the next trial may not start yet.
    """

    session: Session
    n_jobs: int
    waits_for_lag: bool = False
    _started: float = field(default_factory=time.monotonic)
    _waited_s: float = 0.0

    @contextlib.contextmanager
    def measuring(self, n_free: int) -> Iterator[None]:
        """Add the time inside to the waiting time of `n_free` idle workers."""
        started = time.monotonic()
        yield
        if self.waits_for_lag:
            self._waited_s += n_free * (time.monotonic() - started)

    def note(self) -> None:
        """Write the session's cost so far to the study's record."""
        search = self.session.search
        sessions = dict(search.attribute(SESSIONS) or {})
        sessions[self.session.lease.token] = {
            "n_jobs": self.n_jobs,
            "wall_s": round(time.monotonic() - self._started, 3),
            "waited_for_lag_s": round(self._waited_s, 3),
        }
        search.note(SESSIONS, sessions)
