"""Opening Optuna's storage: a journal file in the workspace, or a database by URL."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from hpsearch.errors import StoreError, UsageError
from hpsearch.search.journal import StudyJournal
from hpsearch.search.patience import PatientStorage

__all__ = ["mend_journal", "open_storage", "telling_damage", "telling_storage_failures"]


def open_storage(url: str | None, journal: Path, *, patience_s: float = 0.0) -> BaseStorage:
    """Open the storage at `url`, or the journal file if there is none.

    Parameters
    ----------
    url : str or None
        An SQLAlchemy URL: SQLite, PostgreSQL, MySQL.
    journal : Path
        The journal file; its folder must exist.
    patience_s : float
        How long to wait for a server that goes away later. Only for a study's one writer.

    Raises
    ------
    UsageError
        If `url` is none, or its driver is not installed.
    StoreError
        If the storage cannot be reached or read. Passwords are left out of the message.
    """
    if url is None:
        try:
            return StudyJournal(journal)
        except Exception as error:  # Optuna applies whatever the lines say
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise StoreError(f"{journal}: expected a readable journal, got {reason}") from error
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise UsageError("--storage: expected an SQLAlchemy URL such as sqlite:///a.db") from error
    shown = address.render_as_string(hide_password=True)
    is_server = address.get_backend_name() != "sqlite"
    try:
        # Whether a connection still lives is asked before each use: servers restart.
        database = RDBStorage(url, engine_kwargs={"pool_pre_ping": is_server})
    except ImportError as error:
        raise UsageError(f"--storage {shown}: its driver is not installed ({error})") from error
    except (SQLAlchemyError, StorageInternalError, RuntimeError, OSError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise StoreError(f"--storage {shown}: cannot be reached: {reason}") from error
    if is_server and patience_s:
        return PatientStorage(get_storage(database), patience_s)
    return database


@contextlib.contextmanager
def telling_storage_failures(name: str) -> Iterator[None]:
    """Turn a storage's errors inside into a `StoreError` of one line."""
    try:
        yield
    except (OSError, SQLAlchemyError, StorageInternalError) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise StoreError(
            f"{name}: the record cannot be written: {reason}; "
            "what is recorded stays, and the same command continues"
        ) from error


@contextlib.contextmanager
def telling_damage(name: str) -> Iterator[None]:
    """Turn what a damaged record raises when it is read into a `StoreError` of one line."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise StoreError(f"{name}: the record is damaged: {reason[:300]}") from error


def mend_journal(journal: Path) -> None:
    """Undo what a killed writer may have left: half a last line, and its lock.

    Only for the one process that holds the study: another's writing would look the same.

    Parameters
    ----------
    journal : Path
        The journal file; need not exist.
    """
    with contextlib.suppress(FileNotFoundError), journal.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        # Records are far smaller than this; a journal without a newline here is all torn.
        start = max(0, end - 2**24)
        file.seek(start)
        tail = file.read()
        if not tail.endswith(b"\n"):
            file.truncate(start + tail.rfind(b"\n") + 1)
    for lock in journal.parent.glob(f"{journal.name}.lock*"):
        lock.unlink(missing_ok=True)
