"""Locking a study in its storage: one process runs it at a time, from whatever workspace."""

import contextlib
import os
import platform
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage

from hpsearch.engine.search.journal_checksums import adopt_lines, checksums_file
from hpsearch.engine.search.storage import mend_journal, open_storage
from hpsearch.foundations.errors import RefusedError, StoreError
from hpsearch.foundations.files import HeldElsewhereError, holding_file

__all__ = ["HOLDER", "Holder", "held_storage", "parse_holder"]

# Study attribute with the process that runs the study, or ran it last.
HOLDER = "holder"


@dataclass(frozen=True)
class Holder:
    """The process that runs a study, as recorded for others to read.

    Parameters
    ----------
    host : str
        The machine.
    pid : int
        The process on it.
    workspace : str
        Its workspace, with the trials' files.
    since : float
        When it opened the study, in seconds since 1970.
    session : str
        Unique identifier of this run of the study.
    """

    host: str
    pid: int
    workspace: str
    since: float
    session: str

    @classmethod
    def of_this_process(cls, workspace: Path) -> "Holder":
        """Describe the calling process, with its files in `workspace`."""
        since = round(time.time(), 3)
        return cls(platform.node(), os.getpid(), str(workspace), since, uuid.uuid4().hex)

    def as_note(self) -> dict[str, Any]:
        """Return the value that is recorded."""
        return asdict(self)


def parse_holder(noted: Any) -> Holder | None:
    """Return the holder that a record names; None if it names none."""
    try:
        return Holder(**noted)
    except TypeError:
        return None


@contextlib.contextmanager
def held_storage(
    url: str | None, journal: Path, name: str, *, patience_s: float
) -> Iterator[BaseStorage]:
    """Open a storage for the one process that runs the study `name`, and lock the study in it.

    The operating system, or the database server, releases the lock when its holder ends, even if it
    crashes, so that there is nothing to expire or to clean up. A journal is locked itself, an
    SQLite database by a file beside it, a server by an advisory lock of the connection through
    which everything is written.

    Parameters
    ----------
    url : str or None
        See `open_storage`.
    journal : Path
        The journal file, if there is no URL; repaired if its last writer was killed.
    name : str
        The study; others in the same storage are not locked.
    patience_s : float
        How long to wait for a server that becomes unreachable later.

    Yields
    ------
    optuna storage
        For a study's only writer.

    Raises
    ------
    RefusedError
        If another process holds the study; nothing is written then.
    UsageError, StoreError
        See `open_storage`.
    """
    with contextlib.ExitStack() as held:
        try:
            storage = held.enter_context(_hold(url, journal, name, patience_s))
        except HeldElsewhereError as error:
            raise RefusedError(
                f"{name}: the study is being run by {_describe_holder(url, journal, name)}; "
                "one at a time"
            ) from error
        yield storage


@contextlib.contextmanager
def _hold(url: str | None, journal: Path, name: str, patience_s: float) -> Iterator[BaseStorage]:
    if url is not None:
        from hpsearch.engine.search.rdb_storage import held_database  # see there

        with held_database(url, name, patience_s) as database:
            yield database
        return
    with contextlib.ExitStack() as held:
        try:
            if not journal.exists():  # the whole record was removed: a new one begins
                checksums_file(journal).unlink(missing_ok=True)
            held.enter_context(holding_file(journal))
            adopt_lines(journal, was_torn=mend_journal(journal))
        except OSError as error:
            raise StoreError(f"{journal}: cannot be locked ({error.strerror})") from error
        yield open_storage(None, journal)


def _describe_holder(url: str | None, journal: Path, name: str) -> str:
    """Describe the holder of the study, who may not be in the record yet."""
    noted = None
    with contextlib.suppress(KeyError, StoreError):
        study = optuna.load_study(study_name=name, storage=open_storage(url, journal))
        noted = parse_holder(study.user_attrs.get(HOLDER))
    if noted is None:
        return "another process"
    return f"process {noted.pid} on {noted.host}, from the workspace {noted.workspace}"
