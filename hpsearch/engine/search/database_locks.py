"""Locks of a study in a database: a file beside an SQLite database, a lock on a server."""

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import HeldElsewhereError, holding_file

__all__ = ["ServerLock", "holding_sqlite"]

# For each server, the statement that acquires a lock for as long as the connection exists, and
# settings with which it notices a dead connection within a minute.
_LOCKING = {
    "postgresql": (
        "SELECT pg_try_advisory_lock(%s)",
        (
            "SET tcp_keepalives_idle = 30",
            "SET tcp_keepalives_interval = 5",
            "SET tcp_keepalives_count = 3",
        ),
    ),
    "mysql": ("SELECT GET_LOCK(%s, 0)", ()),
}


@contextlib.contextmanager
def holding_sqlite(address: URL, name: str) -> Iterator[None]:
    """Lock a file beside the database: locking the database itself would break SQLite's locks."""
    if address.database in (None, "", ":memory:"):
        yield
        return
    database = Path(str(address.database).removeprefix("file:")).resolve()
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(holding_file(database.with_name(f"{database.name}.{name}.lock")))
        except OSError as error:
            shown = address.render_as_string(hide_password=True)
            raise StoreError(f"--storage {shown}: cannot be locked ({error.strerror})") from error
        yield


class ServerLock:
    """An advisory lock on the server, acquired by the engine's connection when it connects.

    So everything is written by the connection that has the lock, also after the server restarted.

    Parameters
    ----------
    name : str
        Of the study.
    """

    def __init__(self, name: str) -> None:
        self.is_wanted = True
        self._name = name
        self._is_taken = False

    def take_with(self, engine: Engine) -> None:
        """Acquire the lock with the engine's only connection, and with each that replaces it."""
        with engine.connect() as connection:
            dialect = connection.dialect
            key = _lock_key(dialect.name, f"{dialect.default_schema_name}/{self._name}")
        if dialect.name not in _LOCKING:
            return
        question, settings = _LOCKING[dialect.name]
        event.listen(engine, "connect", functools.partial(self._take, question, settings, key))
        engine.dispose()  # this connection was made without the lock
        engine.connect().close()
        self._is_taken = True

    def _take(
        self, question: str, settings: Sequence[str], key: object, connection: Any, _record: Any
    ) -> None:
        if not self.is_wanted:
            return
        with connection.cursor() as cursor:
            for setting in settings:
                cursor.execute(setting)
            cursor.execute(question, (key,))
            (is_free,) = cursor.fetchone()
        connection.commit()
        if is_free:
            return
        connection.close()
        if self._is_taken:
            # Most likely by a lost connection of this process that the server still holds open.
            cause = RuntimeError("the study's lock in the storage is held by another connection")
            raise OperationalError("lock", {}, cause)
        raise HeldElsewhereError("the study is locked in the storage")


def _lock_key(dialect: str, name: str) -> int | str:
    """Return the lock's key for the server: PostgreSQL takes 64 bits, MySQL 64 characters."""
    digest = hashlib.sha256(f"hpsearch/{name}".encode())
    if dialect == "mysql":
        return digest.hexdigest()
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
