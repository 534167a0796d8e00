"""Trying a storage without leaving anything in it."""

import uuid
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from hpsearch.errors import StoreError, UsageError
from hpsearch.files import check_sqlite, check_writable
from hpsearch.search.storage import open_storage

__all__ = ["probe_storage"]


def probe_storage(url: str | None, journal: Path) -> str:
    """Reach the storage at `url`, or the journal file, and write to it; then take it back.

    Parameters
    ----------
    url : str or None
        As for `open_storage`.
    journal : Path
        The journal file, if there is no URL; need not exist.

    Returns
    -------
    str
        What it is, without passwords.

    Raises
    ------
    UsageError
        If `url` is none, or its driver is not installed.
    StoreError
        If the storage cannot be reached or written, or another version of Optuna made it.
    """
    try:
        if url is None:
            check_writable(journal.parent)
            if journal.exists():
                open_storage(None, journal)
            return f"journal {journal}"
        address = make_url(url)
        shown = address.render_as_string(hide_password=True)
        if address.get_backend_name() == "sqlite":
            check_sqlite(Path(address.database or ""))
            return shown
    except ArgumentError as error:
        raise UsageError("--storage: expected an SQLAlchemy URL such as sqlite:///a.db") from error
    except OSError as error:
        raise StoreError(f"cannot be written: {' '.join(str(error).split())}") from error
    try:
        engine = create_engine(url)
    except ImportError as error:
        raise UsageError(f"--storage {shown}: its driver is not installed ({error})") from error
    try:
        with engine.connect() as connection:
            is_in_use = inspect(connection).has_table("studies")
            _write_and_take_back(connection)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise StoreError(f"--storage {shown}: {reason}") from error
    finally:
        engine.dispose()
    if is_in_use:
        open_storage(url, journal)  # refuses the tables of another version of Optuna
    return shown


def _write_and_take_back(connection: Connection) -> None:
    table = f"hpsearch_doctor_{uuid.uuid4().hex}"
    with connection.begin_nested() if connection.in_transaction() else connection.begin() as step:
        connection.execute(text(f"CREATE TABLE {table} (x INTEGER)"))
        connection.execute(text(f"INSERT INTO {table} VALUES (1)"))
        # Not all databases take a table back with its transaction.
        connection.execute(text(f"DROP TABLE {table}"))
        step.rollback()
