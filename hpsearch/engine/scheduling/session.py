"""Session: exclusive hold of a study, with its lock, data, storage, workers' lease and cost."""

import contextlib
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.datasets import PreparedData, open_splits
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import SESSIONS
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.scheduling.study_data import note_training_data, prepare_data
from hpsearch.engine.search import (
    HOLDER,
    Holder,
    SearchStudy,
    create_or_continue_study,
    held_storage,
    parse_holder,
    watch_record,
)
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import RefusedError, StoreError
from hpsearch.foundations.files import HeldElsewhereError, holding_file

__all__ = ["Session", "SessionClock", "locked", "open_session"]

# A database server takes seconds to restart, and a minute to fail over to its replica.
_STORAGE_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Session:
    """A study held by this process.

    Parameters
    ----------
    search : SearchStudy
        The study's record.
    data : PreparedData
        The study's prepared data.
    folder : StudyFolder
        The study's files.
    lease : FileLease
        Permission for the workers to train; revoked when the session ends.
    earlier : Holder or None
        Process that ran the study last.
    """

    search: SearchStudy
    data: PreparedData
    folder: StudyFolder
    lease: FileLease
    earlier: Holder | None = None

    @property
    def definition(self) -> StudyDefinition:
        """The study's definition."""
        return self.search.definition

    def add_checksum(self, number: int) -> None:
        """Add the checksum of trial `number` once it is recorded."""
        if checksums := self.search.checksums:
            checksums.add_trial(self.search.trials()[number], self.folder.history(number))


@contextlib.contextmanager
def open_session(
    definition: StudyDefinition,
    options: RunOptions,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[Session]:
    """Lock a study, and create it or load it to be continued.

    Trials that a dead coordinator left running are returned to the queue first.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    options : RunOptions
        Options of the run.
    meanwhile : callable
        Called before the data are prepared, to start work in parallel; not called if they are
        prepared already.

    Raises
    ------
    RefusedError
        If another process holds the study, in this workspace or another one; or the storage has a
        study of that name with another definition or of another program; or its trials were
        trained on other prepared data.
    DataError
        If the data is missing or damaged.
    StoreError
        If the workspace or the storage cannot be reached or written.
    """
    folder = options.workspace.study(definition.name)
    folder.create()
    lease = FileLease(folder.lease, uuid.uuid4().hex, os.getpid(), platform.node())
    with locked(folder), contextlib.ExitStack() as held:
        data = prepare_data(definition, options, meanwhile)
        data.verify()
        for one in (data, *data.folds):
            definition.check(f"{definition.name}: ", one.schema, open_splits(one).derived)
        storage = held.enter_context(
            held_storage(
                options.storage_url,
                folder.journal,
                definition.name,
                patience_s=_STORAGE_PATIENCE_S,
            )
        )
        search = create_or_continue_study(definition, storage, data_checksum=data.checksum)
        earlier = parse_holder(search.attribute(HOLDER))
        holder = Holder.of_this_process(options.workspace.root)
        watch_record(search, folder.checksums, folder.history, session=holder.session)
        note_training_data(search, data)
        search.note(HOLDER, holder.as_note())
        search.release_orphans()
        lease.grant()
        try:
            yield Session(search, data, folder, lease, earlier)
        finally:
            lease.revoke()


@contextlib.contextmanager
def locked(folder: StudyFolder) -> Iterator[None]:
    """Lock a study's folder, so that no other process runs the study.

    Raises
    ------
    RefusedError
        If another process holds it.
    StoreError
        If the lock cannot be written.
    """
    path = folder.root / "lock"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(holding_file(path))
        except HeldElsewhereError as error:
            holder = FileLease.read(folder.lease)
            who = f"process {holder.pid} on {holder.host}" if holder else "another process"
            raise RefusedError(
                f"{folder.root.name}: the study is being run by {who}; one at a time"
            ) from error
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({error.strerror})") from error
        yield


@dataclass
class SessionClock:
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
    _running: dict[Path, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def measuring(self, n_free: int) -> Iterator[None]:
        """Add the time inside to the waiting time of `n_free` idle workers."""
        started = time.monotonic()
        yield
        if self.waits_for_lag:
            self._waited_s += n_free * (time.monotonic() - started)

    def start(self, folder: Path, epochs: Sequence[Epoch]) -> None:
        """Start the time of a job in `folder`, that of its earlier `epochs` included."""
        trained_s = sum(epoch.duration_s for epoch in epochs)
        self._running[folder] = time.monotonic() - trained_s

    def stop(self, folder: Path) -> None:
        """Stop the time of a job; from now on its record has it."""
        del self._running[folder]

    def note(self) -> None:
        """Write the session's cost so far to the study's record."""
        now = time.monotonic()
        search = self.session.search
        sessions = dict(search.attribute(SESSIONS) or {})
        sessions[self.session.lease.token] = {
            "n_jobs": self.n_jobs,
            "wall_s": round(time.monotonic() - self._started, 3),
            "waited_for_lag_s": round(self._waited_s, 3),
            "in_flight_s": round(sum(now - started for started in self._running.values()), 3),
        }
        search.note(SESSIONS, sessions)
