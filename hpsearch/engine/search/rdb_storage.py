"""Optuna's storage in a database: opening it, and checking that it can be written.

This module is imported only if a URL is given: SQLAlchemy takes a sixth of a command's start-up
time, and a journal does not need it.
"""

import contextlib
import functools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from hpsearch.engine.search.database_connection import Patience, ServerLock, holding_sqlite
from hpsearch.engine.search.sole_writer import SoleWriterStorage
from hpsearch.engine.search.trial_attributes import Retries, describe_retries, keep_attributes
from hpsearch.foundations.errors import StoreError, UsageError
from hpsearch.foundations.files import check_sqlite
from hpsearch.foundations.text import redact

__all__ = ["held_database", "open_database", "probe_database"]

_EXPECTED = "expected an SQLAlchemy URL such as sqlite:///a.db"


def open_database(url: str, patience_s: float | None) -> BaseStorage:
    """Open the storage at `url`, for a study's only writer if `patience_s` is given.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL.
    patience_s : float or None
        See `hpsearch.engine.search.open_storage`, also for the errors raised.
    """
    database = _open(url)
    return database if patience_s is None else _for_one_writer(database, patience_s)


@contextlib.contextmanager
def held_database(url: str, name: str, patience_s: float) -> Iterator[BaseStorage]:
    """Open the storage at `url` and hold the study `name` in it; see `held_storage`.

    Raises
    ------
    HeldElsewhereError
        If another process holds the study.
    """
    address = _parse(url)
    if address.get_backend_name() == "sqlite":
        with holding_sqlite(address, name):
            database = _open(url)
            try:
                yield _for_one_writer(database, patience_s)
            finally:
                database.engine.dispose()
        return
    _open(url).engine.dispose()  # creating the tables takes two connections
    # A single connection, so that everything is written by the one that has the lock.
    database = _open(url, pool_size=1, max_overflow=0)
    lock = ServerLock(name)
    try:
        lock.take_with(database.engine)
        yield _for_one_writer(database, patience_s)
    finally:
        lock.is_wanted = False
        database.engine.dispose()


def _open(url: str, **pool: int) -> RDBStorage:
    address = _parse(url)
    shown = redact(url)
    is_server = address.get_backend_name() != "sqlite"
    try:
        # Servers restart: each connection is tested before it is used.
        return RDBStorage(
            url,
            engine_kwargs={"pool_pre_ping": is_server, **pool},
            skip_compatibility_check=bool(pool),
            skip_table_creation=bool(pool),
        )
    except ImportError as error:
        raise _missing_driver(shown, error) from error
    except (
        SQLAlchemyError,
        StorageInternalError,
        RuntimeError,
        ValueError,
        TypeError,
        OSError,
    ) as error:
        raise StoreError(f"--storage {shown}: cannot be reached: {_reason(error, url)}") from error


def _for_one_writer(database: RDBStorage, patience_s: float) -> SoleWriterStorage:
    is_server = database.engine.dialect.name != "sqlite"
    return SoleWriterStorage(
        get_storage(database),
        functools.partial(_in_one_transaction, database),
        Patience(patience_s if is_server else 0.0),
        functools.partial(_reopen_trials, database),
    )


@contextlib.contextmanager
def _in_one_transaction(database: RDBStorage) -> Iterator[None]:
    """Write everything that is written to `database` inside in one transaction.

    Its sessions join an outer transaction, as described in SQLAlchemy's documentation for tests:
    their commits take effect with it.
    """
    sessions = database.scoped_session
    sessions.remove()
    with database.engine.connect() as connection:
        transaction = connection.begin()
        sessions.configure(bind=connection, join_transaction_mode="rollback_only")
        try:
            yield
            sessions.remove()
            transaction.commit()
        finally:
            sessions.remove()
            sessions.configure(bind=database.engine, join_transaction_mode="conditional_savepoint")


def _reopen_trials(database: RDBStorage, retries: Retries) -> BaseStorage:
    """Reset the rows of failed trials to those of waiting trials; idempotent."""
    with _in_one_transaction(database):
        session = database.scoped_session()
        for trial_id, failures in retries.items():
            trial = session.get_one(models.TrialModel, trial_id)
            attributes = {one.key: json.loads(one.value_json) for one in trial.user_attributes}
            attributes = keep_attributes(attributes) | describe_retries(failures)
            for rows in (trial.values, trial.intermediate_values, trial.user_attributes):
                rows.clear()
            trial.state = TrialState.WAITING
            trial.datetime_start = trial.datetime_complete = None
            session.flush()
            trial.user_attributes = [
                models.TrialUserAttributeModel(key=name, value_json=json.dumps(value))
                for name, value in attributes.items()
            ]
        session.commit()
    return get_storage(database)


def probe_database(url: str) -> str:
    """Check that the database at `url` can be reached and written; nothing is left in it.

    Parameters
    ----------
    url : str
        An SQLAlchemy URL.

    Returns
    -------
    str
        The URL without passwords. For the errors raised see `hpsearch.engine.search.probe_storage`.
    """
    address = _parse(url)
    shown = redact(url)
    if address.get_backend_name() == "sqlite":
        check_sqlite(Path(address.database or ""))
        return shown
    try:
        engine = create_engine(url)
    except ImportError as error:
        raise _missing_driver(shown, error) from error
    try:
        with engine.connect() as connection:
            is_in_use = inspect(connection).has_table("studies")
            _write_and_roll_back(connection)
    except SQLAlchemyError as error:
        raise StoreError(f"--storage {shown}: {_reason(error, url)}") from error
    finally:
        engine.dispose()
    if is_in_use:
        open_database(url, 0.0)  # refuses the tables of another version of Optuna
    return shown


def _parse(url: str) -> URL:
    if len(url.split()) != 1:  # not shown: the password may continue after the space
        raise UsageError(f"--storage: {_EXPECTED}; write %20 for a space in a password")
    given = f"--storage {url}"
    try:
        address = make_url(url)
        address.get_dialect()
    except NoSuchModuleError as error:
        kind = url.partition(":")[0]
        raise UsageError(f"{given}: SQLAlchemy knows no database {kind!r}") from error
    except ArgumentError as error:
        raise UsageError(f"{given}: {_EXPECTED}") from error
    except ValueError as error:
        raise UsageError(f"{given}: expected a number for the port ({error})") from error
    if "@" in (address.host or ""):
        # Otherwise part of the password would be sent to name servers as a host name.
        raise UsageError(f"{given}: write %40 for an @ in a password")
    return address


def _missing_driver(shown: str, error: ImportError) -> UsageError:
    missing = error.__cause__ or error.__context__ or error
    return UsageError(
        f"--storage {shown}: its driver is not installed ({missing}); install it, or name another "
        "in the URL, such as postgresql+psycopg:// or mysql+pymysql://"
    )


def _reason(error: Exception, url: str) -> str:
    """Return the first line of the driver's message, without the password, which it may quote."""
    lines = str(getattr(error, "orig", error)).strip().splitlines() or [type(error).__name__]
    return redact(lines[0], url)


def _write_and_roll_back(connection: Connection) -> None:
    table = f"hpsearch_doctor_{uuid.uuid4().hex}"
    with connection.begin_nested() if connection.in_transaction() else connection.begin() as step:
        connection.execute(text(f"CREATE TABLE {table} (x INTEGER)"))
        connection.execute(text(f"INSERT INTO {table} VALUES (1)"))
        # Not all databases undo the creation of a table when a transaction is rolled back.
        connection.execute(text(f"DROP TABLE {table}"))
        step.rollback()
