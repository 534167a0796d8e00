"""What a session of a study cost: wall time, and the part in which law 1 kept workers waiting."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hpsearch.coordinator.session import Session
from hpsearch.records import SESSIONS

__all__ = ["Clock"]


@dataclass
class Clock:
    """Measures one session and notes it in the study's record.

    Parameters
    ----------
    session : Session
        The session.
    n_jobs : int
        Trials in flight at most.
    waits_for_lag : bool
        Whether free workers wait because the next trial may not start yet.
    n_lent : int
        Cores of free workers that are lent to trials in flight.
    """

    session: Session
    n_jobs: int
    waits_for_lag: bool = False
    n_lent: int = 0
    _started: float = field(default_factory=time.monotonic)
    _waited_s: float = 0.0
    _lent_s: float = 0.0

    @contextlib.contextmanager
    def measuring(self, n_free: int) -> Iterator[None]:
        """Count the time inside, for each of `n_free` workers, if they wait or lend."""
        started = time.monotonic()
        yield
        passed_s = time.monotonic() - started
        self._lent_s += self.n_lent * passed_s
        if self.waits_for_lag:
            self._waited_s += n_free * passed_s

    def note(self) -> None:
        """Write the session's figures so far to the study's record."""
        search = self.session.search
        sessions = dict(search.attribute(SESSIONS) or {})
        sessions[self.session.lease.token] = {
            "n_jobs": self.n_jobs,
            "wall_s": round(time.monotonic() - self._started, 3),
            "waited_for_lag_s": round(self._waited_s, 3),
            "lent_core_s": round(self._lent_s, 3),
        }
        search.note(SESSIONS, sessions)
