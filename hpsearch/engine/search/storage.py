"""Opening Optuna's storage, a journal or a database by URL, and checking that it can be written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage

from hpsearch.engine.search.journal import StudyJournal
from hpsearch.engine.search.sole_writer import SoleWriterStorage
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import check_writable, refusing_links
from hpsearch.foundations.machine_failures import is_machine_failure

__all__ = [
    "creating_study",
    "mend_journal",
    "open_storage",
    "probe_storage",
    "telling_damage",
    "translate_storage_errors",
]


def probe_storage(url: str | None, journal: Path) -> str:
    """Check that the storage at `url`, or the journal file, can be reached and written.

    Parameters
    ----------
    url : str or None
        See `open_storage`.
    journal : Path
        The journal file, if there is no URL; need not exist.

    Returns
    -------
    str
        Description of the storage, without passwords.

    Raises
    ------
    UsageError
        If `url` is not valid, or its driver is not installed.
    StoreError
        If the storage cannot be reached or written, or another version of Optuna created it.
    """
    try:
        if url is not None:
            from hpsearch.engine.search.rdb_storage import probe_database  # see there

            return probe_database(url)
        check_writable(journal.parent)
        if journal.exists():
            open_storage(None, journal)
        return f"journal {journal}"
    except OSError as error:
        raise StoreError(f"cannot be written: {' '.join(str(error).split())}") from error


def open_storage(url: str | None, journal: Path, *, patience_s: float | None = None) -> BaseStorage:
    """Open the storage at `url`, or the journal file if there is none.

    Parameters
    ----------
    url : str or None
        An SQLAlchemy URL: SQLite, PostgreSQL, MySQL.
    journal : Path
        The journal file; its folder must exist.
    patience_s : float, optional
        Only for a study's only writer, which does not read back what it has written: how long to
        wait for a server that becomes unreachable later.

    Raises
    ------
    UsageError
        If `url` is not valid, or its driver is not installed.
    StoreError
        If the storage cannot be reached or read. The message has no passwords.
    """
    if url is None:
        try:
            return StudyJournal(journal)
        except Exception as error:  # Optuna applies whatever the lines say
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise StoreError(f"{journal}: expected a readable journal, got {reason}") from error
    from hpsearch.engine.search.rdb_storage import open_database  # see there

    return open_database(url, patience_s)


def creating_study(storage: BaseStorage) -> contextlib.AbstractContextManager[None]:
    """Return a context inside which a study is created atomically."""
    if isinstance(storage, StudyJournal):
        return storage.together()
    if isinstance(storage, SoleWriterStorage):
        return storage.in_one_transaction()
    return contextlib.nullcontext()


@contextlib.contextmanager
def translate_storage_errors(name: str) -> Iterator[None]:
    """Convert a storage's errors inside into a `StoreError` of one line."""
    try:
        yield
    except Exception as error:
        is_storages = isinstance(error, OSError | StorageInternalError) or _is_sqlalchemys(error)
        if not is_storages or is_machine_failure(error):
            raise
        cause = getattr(error, "orig", None) or error.__cause__ or error
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        raise StoreError(
            f"{name}: the record cannot be written: {reason}; "
            "what is recorded stays, and the same command continues"
        ) from error


def _is_sqlalchemys(error: Exception) -> bool:
    """Whether it is an error of SQLAlchemy's, without importing SQLAlchemy."""
    return any(cls.__module__ == "sqlalchemy.exc" for cls in type(error).__mro__)


@contextlib.contextmanager
def telling_damage(name: str) -> Iterator[None]:
    """Convert errors raised by reading a damaged record into a `StoreError` of one line."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise StoreError(f"{name}: the record is damaged: {reason[:300]}") from error


def mend_journal(journal: Path) -> bool:
    """Repair a journal whose writer was killed: remove a truncated last line, and its lock.

    Only for the process that holds the study: another writer's unfinished line looks the same.

    Parameters
    ----------
    journal : Path
        The journal file; need not exist.

    Returns
    -------
    bool
        Whether there was a truncated line.
    """
    is_torn = False
    with (
        contextlib.suppress(FileNotFoundError),
        open(journal, "rb+", opener=refusing_links) as file,
    ):
        end = file.seek(0, os.SEEK_END)
        # Lines are far shorter than this: without a newline here, the file is one truncated line.
        start = max(0, end - 2**24)
        file.seek(start)
        tail = file.read()
        if is_torn := bool(tail) and not tail.endswith(b"\n"):
            file.truncate(start + tail.rfind(b"\n") + 1)
    for lock in journal.parent.glob(f"{journal.name}.lock*"):
        lock.unlink(missing_ok=True)
    return is_torn
