"""Small real things that many tests start from."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from hpsearch.datasets import PreparedData, SplitSpec, find_source, prepare
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.workspace import Workspace
from hpsearch.trainers.finding import TRAINERS, TrainerSpec
from tests.postgres import Postgres, find_program

# New examples at every run of a developer's; in CI the same ones for the same code.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# As the program sets it before it imports MLflow; here test modules do that first.
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")

DATA = {"source": "digits", "train": 600, "validation": 150, "test": 100}
TWO_LAYER_NET = TrainerSpec(TRAINERS["two_layer_net"], settings={"basis": "pixels"})
# What the two-layer net plans to derive from images without an input transform.
PIXELS = {"basis": None, "is_augmentable": False}
SPACE = {
    "learning_rate": {"low": 0.003, "high": 0.1, "log": True},
    "reg": {"low": 1e-5, "high": 1e-2, "log": True},
    "hidden_size": {"low": 4, "high": 24},
    "epochs": {"low": 3, "high": 6},
    "batch_size": 50,
    "initial_std": 0.01,
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: one that CI begins last leaves its other process idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _no_leaks_between_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """MLflow leaves its address in the environment and in itself for the next test to find."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    yield
    if mlflow := sys.modules.get("mlflow"):
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Six hundred training digits, prepared once."""
    folder = tmp_path_factory.mktemp("data")
    source = find_source("digits", folders=[], download_folder=folder)
    spec = SplitSpec(n_train=600, n_validation=150, n_test=100)
    return prepare(source, spec, folder, TWO_LAYER_NET.preparation(PIXELS))


@pytest.fixture
def define() -> Callable[..., StudyDefinition]:
    """Make a small study on digits; keywords replace what it searches or how."""

    def make(**changes: Any) -> StudyDefinition:
        search = {"sampler": "tpe", "space": SPACE}
        search |= {
            key: changes.pop(key) for key in ("sampler", "pruner", "first") if key in changes
        }
        search["space"] = SPACE | changes.pop("space", {})
        base = {
            "name": "small",
            "trials": 8,
            "lag": 3,
            "data": DATA,
            "search": search,
        }
        return StudyDefinition.model_validate(base | changes)

    return make


@pytest.fixture(scope="session")
def migrated_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes longer than most tests."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def workspace(tmp_path: Path, migrated_mlflow: Path) -> Workspace:
    """An empty workspace whose MLflow database is ready."""
    root = tmp_path / "workspace"
    root.mkdir()
    shutil.copy(migrated_mlflow, root / "mlflow.db")
    return Workspace(root)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Dask scheduler with two workers in processes of their own, restarted when dead."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=True),
    ):
        yield cluster


@pytest.fixture(scope="session")
def postgres_programs() -> None:
    """PostgreSQL's programs; a test is skipped without them, but fails in CI."""
    if find_program("initdb") is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("PostgreSQL's programs are not installed")


@pytest.fixture
def postgres(postgres_programs: None) -> Iterator[Postgres]:
    """A PostgreSQL server that runs, for one test, which may stop it."""
    with _running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def shared_postgres(postgres_programs: None) -> Iterator[Postgres]:
    """A PostgreSQL server that runs, for a module's tests, each with a database of its own."""
    with _running_postgres() as server:
        yield server


@contextlib.contextmanager
def _running_postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
