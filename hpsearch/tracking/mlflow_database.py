"""MLflow's SQLite database: created atomically, and recognised when it is incomplete.

MLflow creates its tables by dozens of migrations, each of which SQLite commits separately: a
process that dies among them, or two concurrent processes, leave a file that MLflow can never open
again. Here they run in memory, under a lock, and the file is written in one step.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.store.db import utils as mlflow_db
from mlflow.store.db.base_sql_model import Base
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.pool import StaticPool

from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import HeldElsewhereError, holding_file, write_atomically

__all__ = ["complete_database", "describe_incomplete", "read_schema"]

# Creating takes seconds; a process that is stopped in the middle may keep the lock for ever.
_LOCK_TIMEOUT_S = 100.0
_VERSION_TABLE = "alembic_version"
# Rows that MLflow itself puts into a new database.
_OWN_ROWS = {"experiments": "experiment_id = 0", "workspaces": "name = 'default'"}


@dataclass(frozen=True)
class Schema:
    """What a database file holds.

    Parameters
    ----------
    tables : mapping of str to frozenset of str
        Names of its tables, and of their columns.
    revision : str or None
        MLflow's version of the schema; None if no migration has ended yet.
    is_empty : bool
        Whether there is no row but those that MLflow puts into a new database.
    """

    tables: Mapping[str, frozenset[str]] = field(default_factory=dict)
    revision: str | None = None
    is_empty: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether it has all of MLflow's tables, in the version of this MLflow."""
        return not self.missing and self.revision == mlflow_db._get_latest_schema_revision()

    @property
    def missing(self) -> frozenset[str]:
        """MLflow's tables that it lacks, or has without some of their columns."""
        return frozenset(
            name
            for name, table in Base.metadata.tables.items()
            if not self.tables.get(name, frozenset()) >= {column.name for column in table.columns}
        )

    def describe(self) -> str:
        """Describe how many of MLflow's tables it has."""
        expected = len(Base.metadata.tables)
        return f"{expected - len(self.missing)} of {expected} of MLflow's tables"


def complete_database(path: Path, artifacts: Path) -> None:
    """Create MLflow's database, or complete one that an interrupted creation left.

    A database of an older MLflow is migrated, in a copy that replaces it. One that is not empty
    and cannot be completed is left as it is.

    Parameters
    ----------
    path : Path
        The file.
    artifacts : Path
        Artifact folder of MLflow's default experiment.

    Raises
    ------
    StoreError
        If the file belongs to another program, is damaged, or is of a newer MLflow.
    OSError
        If it cannot be written.
    """
    if read_schema(path).is_complete:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        schema = read_schema(path)
        if schema.is_complete:
            return
        content = _complete(path, schema)
        _remove_leftovers(path)
        write_atomically(path, content)
        # Adds MLflow's default experiment, which two processes at a time would add twice.
        SqlAlchemyStore(f"sqlite:///{path}", artifacts.as_uri())


def describe_incomplete(path: Path) -> str | None:
    """Describe what `complete_database` would repair in a database; None if nothing.

    Raises
    ------
    StoreError
        If it cannot be repaired.
    """
    schema = read_schema(path)
    if not schema.tables or schema.is_complete:
        return None
    _complete(path, schema)
    return f"incomplete or of an older MLflow ({schema.describe()})"


def read_schema(path: Path) -> Schema:
    """Read the schema of the database at `path`; an empty one if there is no file.

    Raises
    ------
    StoreError
        If it is not a database, or cannot be read.
    """
    if not path.exists():
        return Schema()
    try:
        with _open(path) as database:
            return _read(database)
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: expected MLflow's database ({error}); if it is damaged, move it away, and "
            "`hpsearch reconcile` writes a new one from the record"
        ) from error


def _read(database: sqlite3.Connection) -> Schema:
    columns = database.execute(
        # xinfo: with computed columns.
        "SELECT t.name, c.name FROM sqlite_master AS t JOIN pragma_table_xinfo(t.name) AS c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    tables: dict[str, set[str]] = {}
    for table, column in columns:
        tables.setdefault(table, set()).add(column)
    revision = None
    if _VERSION_TABLE in tables:
        row = database.execute(f"SELECT version_num FROM {_VERSION_TABLE}").fetchone()
        revision = row[0] if row else None
    is_empty = not any(_has_rows(database, table) for table in tables)
    return Schema({name: frozenset(found) for name, found in tables.items()}, revision, is_empty)


def _has_rows(database: sqlite3.Connection, table: str) -> bool:
    if table == _VERSION_TABLE:
        return False
    where = f" WHERE NOT ({_OWN_ROWS[table]})" if table in _OWN_ROWS else ""
    return database.execute(f'SELECT 1 FROM "{table}"{where} LIMIT 1').fetchone() is not None


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    # Not read-only: the journal of a process that was killed has to be rolled back first.
    address = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20.0)) as database:
        yield database


def _complete(path: Path, schema: Schema) -> bytes:
    """Build a complete database with all rows of the one at `path`; return its bytes."""
    if not _is_mlflows(schema):
        raise StoreError(
            f"{path}: expected MLflow's database; this one is of another program or of a newer "
            f"MLflow (schema {schema.revision})"
        )
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    with contextlib.closing(memory):
        if not schema.is_empty:
            with _open(path) as database:
                database.backup(memory)
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: memory, poolclass=StaticPool)
        try:
            mlflow_db._initialize_tables(engine)
        except (sqlalchemy.exc.SQLAlchemyError, CommandError) as error:
            raise StoreError(_cannot_be_completed(path, schema)) from error
        if not _read(memory).is_complete:
            raise StoreError(_cannot_be_completed(path, schema))
        return memory.serialize()


def _cannot_be_completed(path: Path, schema: Schema) -> str:
    return (
        f"{path}: incomplete ({schema.describe()}), and not replaced, as it is not empty; move it "
        "away, and `hpsearch reconcile` writes a new one from the record"
    )


def _is_mlflows(schema: Schema) -> bool:
    scripts = ScriptDirectory.from_config(mlflow_db._get_alembic_config(""))
    revisions = {script.revision for script in scripts.walk_revisions()}
    if schema.revision:
        return schema.revision in revisions
    return schema.tables.keys() <= {
        _VERSION_TABLE,
        *InitialBase.metadata.tables,
        *Base.metadata.tables,
    }


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        try:
            lock = path.with_name(f".{path.name}.lock")
            held.enter_context(holding_file(lock, wait_s=_LOCK_TIMEOUT_S))
        except HeldElsewhereError as error:
            raise StoreError(f"{path}: another process has been creating it for minutes") from error
        yield


def _remove_leftovers(path: Path) -> None:
    """Remove files that killed processes left beside `path`: SQLite would apply an old journal."""
    for leftover in (*path.parent.glob(f".{path.name}.*"), *path.parent.glob(f"{path.name}-*")):
        if leftover.name.removeprefix(path.name) in ("-journal", "-wal", "-shm") or (
            len(leftover.suffix) == 33
        ):
            leftover.unlink(missing_ok=True)
