import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.foundations.errors import StoreError, UsageError
from hpsearch.tracking import TrackingStore, prepare_tracking, probe_tracking

# What one process of a study does first; the argument is its workspace.
_PREPARE = """
import sys
from pathlib import Path
from hpsearch.tracking import TrackingStore, prepare_tracking
root = Path(sys.argv[1])
prepare_tracking(TrackingStore(f"sqlite:///{root}/mlflow.db", root / "mlartifacts"))
"""


def _store(root: Path) -> TrackingStore:
    return TrackingStore(f"sqlite:///{root}/mlflow.db", root / "mlartifacts")


def _change(store: TrackingStore, *statements: str) -> None:
    with closing(sqlite3.connect(str(store.database))) as database, database:
        for statement in statements:
            database.execute(statement)


def _experiments(store: TrackingStore) -> list[str]:
    from mlflow import MlflowClient

    return [one.name for one in MlflowClient(store.uri, store.uri).search_experiments()]


def _start(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _PREPARE, str(root)], stderr=subprocess.PIPE)


def test_two_processes_that_create_it_at_once_both_succeed(tmp_path: Path) -> None:
    both = [_start(tmp_path) for _ in range(2)]
    assert [(one.communicate()[1], one.returncode) for one in both] == [(b"", 0)] * 2
    assert _experiments(_store(tmp_path)) == ["Default"]


def test_a_process_killed_while_creating_leaves_no_database(tmp_path: Path) -> None:
    """Killed as soon as it holds the lock, and again a little later each time."""
    store = _store(tmp_path)
    for delay_s in (0.0, 0.5, 1.0):
        lock = tmp_path / ".mlflow.db.lock"
        lock.unlink(missing_ok=True)
        one = _start(tmp_path)
        while not lock.exists() and one.poll() is None:
            time.sleep(0.01)
        time.sleep(delay_s)
        one.send_signal(signal.SIGKILL)
        one.communicate()
        if store.database and store.database.exists():
            assert probe_tracking(store) is None
            break
    prepare_tracking(store)
    assert _experiments(store) == ["Default"]
    assert not list(tmp_path.glob(".mlflow.db.*[0-9a-f]"))


@pytest.fixture
def store(tmp_path: Path, migrated_mlflow: Path) -> TrackingStore:
    """A store whose database is complete and has only MLflow's default experiment."""
    shutil.copy(migrated_mlflow, tmp_path / "mlflow.db")
    return _store(tmp_path)


def test_an_empty_database_without_some_tables_is_created_again(store: TrackingStore) -> None:
    _change(store, "DROP TABLE model_versions", "DELETE FROM alembic_version")
    assert "of MLflow's tables" in str(probe_tracking(store))
    prepare_tracking(store)
    assert probe_tracking(store) is None
    assert _experiments(store) == ["Default"]


@pytest.mark.parametrize("change", ["DROP TABLE runs", "ALTER TABLE runs DROP COLUMN end_time"])
def test_an_incomplete_database_that_holds_something_is_left_as_it_is(
    store: TrackingStore, change: str
) -> None:
    insert = "INSERT INTO experiments (name, lifecycle_stage, workspace) VALUES ('x', 'active', '')"
    _change(store, insert, change)
    before = Path(str(store.database)).read_bytes()
    for use in (probe_tracking, prepare_tracking):
        with pytest.raises(StoreError, match=r"incomplete .*move it away"):
            use(store)
    assert Path(str(store.database)).read_bytes() == before


@pytest.mark.parametrize("content", [b"", None])
def test_a_file_without_tables_becomes_a_database(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mlflow.db").write_bytes(content)
    # Of a database that was deleted: SQLite would apply it to the new one.
    (tmp_path / "mlflow.db-journal").write_bytes(b"old")
    assert probe_tracking(_store(tmp_path)) is None
    prepare_tracking(_store(tmp_path))
    assert _experiments(_store(tmp_path)) == ["Default"]


@pytest.mark.parametrize(
    "change",
    ["CREATE TABLE mine (a)", "UPDATE alembic_version SET version_num = 'of 2099'"],
)
def test_databases_of_other_programs_and_of_newer_versions_are_refused(
    store: TrackingStore, change: str
) -> None:
    path = Path(str(store.database))
    if "mine" in change:
        path.unlink()
    _change(store, change)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program or of a newer"):
        prepare_tracking(store)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused(store: TrackingStore) -> None:
    Path(str(store.database)).write_bytes(b"no database " * 100)
    for use in (probe_tracking, prepare_tracking):
        with pytest.raises(StoreError, match=r"mlflow\.db: expected MLflow's database"):
            use(store)


def test_a_database_made_again_in_the_same_process_is_the_one_that_is_written(
    store: TrackingStore, migrated_mlflow: Path
) -> None:
    """A pooled connection would go on with the deleted file."""
    from mlflow import MlflowClient

    from hpsearch.tracking.store import translate_mlflow_errors

    with translate_mlflow_errors(store):
        prepare_tracking(store)
        MlflowClient(store.uri, store.uri).create_experiment("before")
        Path(str(store.database)).unlink()
        prepare_tracking(store)
        MlflowClient(store.uri, store.uri).create_experiment("after")
    with closing(sqlite3.connect(str(store.database))) as database:
        names = {name for (name,) in database.execute("SELECT name FROM experiments")}
    assert names == {"Default", "after"}


def test_the_longest_path_is_one_that_sqlite_opens(tmp_path: Path) -> None:
    def make(n_bytes: int) -> TrackingStore:
        folder, n_left = tmp_path, n_bytes - len(str(tmp_path / "mlflow.db"))
        while n_left:
            n = n_left if n_left <= 101 else min(100, n_left - 2)
            folder, n_left = folder / ("d" * (n - 1)), n_left - n
        folder.mkdir(parents=True)
        return _store(folder)

    longest, longer = make(504), make(505)
    longest.check_path()
    _change(longest, "CREATE TABLE a (b)")
    with pytest.raises(UsageError, match="505"):
        longer.check_path()
    with pytest.raises(sqlite3.OperationalError):
        _change(longer, "CREATE TABLE a (b)")


def test_a_database_server_that_does_not_answer_is_reported_at_once() -> None:
    store = TrackingStore("postgresql+psycopg://me:secret@127.0.0.1:1/x", Path("mlartifacts"))
    for use in (probe_tracking, prepare_tracking):
        with pytest.raises(StoreError, match="refused") as caught:
            use(store)
        assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    store = TrackingStore("mysql://me@127.0.0.1:1/x", Path("mlartifacts"))
    with pytest.raises(UsageError, match="MySQLdb"):
        prepare_tracking(store)
