"""What else the process does with MLflow stays as it was, and has no effect on what is shown."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from hpsearch.engine.records import State
from hpsearch.engine.workspace import Workspace
from hpsearch.tracking import StudyView, TrackingStore
from hpsearch.tracking.store import mlflow_settings

Make = Callable[..., Any]


@pytest.fixture
def theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> Iterator[TrackingStore]:
    """A program that uses MLflow: its own store and registry, an active run, asynchronous."""
    store = TrackingStore(f"sqlite:///{tmp_path}/theirs.db", tmp_path / "theirs")
    store.database.write_bytes(workspace.mlflow_db.read_bytes())  # type: ignore[union-attr]
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    mlflow.set_tracking_uri(store.uri)
    mlflow.set_registry_uri(store.uri)
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("theirs", str(tmp_path / "a")))
    with mlflow.start_run() as run:
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
        yield store
    mlflow.set_registry_uri("")
    mlflow.set_tracking_uri(None)


def _state() -> Any:
    """All that a program could notice of its MLflow."""
    client, active = MlflowClient(), mlflow.active_run()
    assert active
    experiments = client.search_experiments()
    runs = client.search_runs([one.experiment_id for one in experiments])
    return (
        {name: value for name, value in os.environ.items() if "MLFLOW" in name or "GIT_" in name},
        (mlflow.get_tracking_uri(), mlflow.get_registry_uri(), active.info.run_id),
        [(one.name, one.lifecycle_stage) for one in experiments],
        [(run.info.run_id, run.info.status, run.data.params, run.data.tags) for run in runs],
        [one.name for one in client.search_registered_models()],
        client.search_logged_models([one.experiment_id for one in experiments]).to_list(),
        logging.getLogger("mlflow").level,
    )


@pytest.mark.parametrize("repair", [False, True])
def test_a_programs_own_mlflow_is_as_it_was_and_the_study_is_shown_whole(
    theirs: TrackingStore,
    store: TrackingStore,
    make_mirror: Make,
    make_view: Make,
    make_model_view: Make,
    repair: bool,
) -> None:
    before, net = _state(), make_model_view(1)
    view = make_view(0, State.COMPLETE)
    mirror = make_mirror(repair=repair)
    for _ in range(2):
        mirror.show_trial(view)
        mirror.show_model(net)
        mirror.show_study(StudyView("FINISHED", "a study", [view.record], {"test_accuracy": 0.5}))
    assert _state() == before
    client = MlflowClient(store.uri, store.uri)
    runs = client.search_runs([mirror.experiment_id])
    assert {run.info.run_name: run.info.status for run in runs} == {
        "small": "FINISHED",
        "trial 0000": "FINISHED",
    }
    by_name = {run.info.run_name: run.data for run in runs}
    assert by_name["trial 0000"].metrics["val_accuracy"] == pytest.approx(0.6)
    assert by_name["small"].metrics["test_accuracy"] == 0.5
    assert client.get_model_version_by_alias("small", "best").run_id == mirror.run_id
    mlflow.log_metric("theirs", 1.0, synchronous=True)  # the active run can still be written to


def test_settings_are_in_force_inside_and_gone_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_LOGGING_LEVEL")
    logger = logging.getLogger("mlflow")
    before = dict(os.environ), logger.level
    with mlflow_settings():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
        assert logger.level == logging.ERROR
    assert (dict(os.environ), logger.level) == before


_NOTEBOOK = """
import sys, mlflow, hpsearch
from pathlib import Path
from hpsearch import RunOptions
from hpsearch.engine.workspace import Workspace

mlflow.autolog(silent=True)
mlflow.set_experiment("mine")
with mlflow.start_run() as run:
    before = mlflow.get_tracking_uri()
    options = RunOptions(Workspace(Path("workspace").resolve()), n_jobs=1, backend="threading")
    hpsearch.run_study(Path("tiny.toml"), options, quiet=True)
    mlflow.log_metric("mine", 1)
    assert mlflow.active_run().info.run_id == run.info.run_id
assert mlflow.get_tracking_uri() == before
with mlflow.start_run() as run:
    assert mlflow.get_experiment(run.info.experiment_id).name == "mine"
assert len(mlflow.search_runs()) == 2
client = mlflow.MlflowClient("sqlite:///workspace/mlflow.db", "sqlite:///workspace/mlflow.db")
experiment = client.get_experiment_by_name("tiny")
states = [one.info.status for one in client.search_runs([experiment.experiment_id])]
assert states == ["FINISHED"] * 3, states
assert client.get_model_version_by_alias("tiny", "best")
"""

_STUDY = """
trials = 2
[data]
source = "digits"
train = 300
validation = 100
[search]
sampler = "random"
[search.space]
learning_rate = 0.1
reg = 0.001
hidden_size = { low = 4, high = 8 }
epochs = 2
"""


@pytest.mark.slow
def test_run_study_in_a_notebook_with_an_active_run(tmp_path: Path, migrated_mlflow: Path) -> None:
    (tmp_path / "tiny.toml").write_text(_STUDY)
    for folder in (tmp_path, tmp_path / "workspace"):
        folder.mkdir(exist_ok=True)
        (folder / "mlflow.db").write_bytes(migrated_mlflow.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", _NOTEBOOK], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("uri", ["sqlite:////w/mlflow.db", "http://127.0.0.1:5000"])
def test_a_uri_without_a_password_is_shown_as_it_is(uri: str) -> None:
    assert TrackingStore(uri, Path("/w")).shown() == uri


def test_a_password_is_redacted_wherever_it_occurs() -> None:
    store = TrackingStore("http://me:secret@mlflow.example", None)
    assert store.shown() == "http://me:***@mlflow.example"
    assert store.without_password("refused: me:secret") == "refused: me:***"
    assert store.without_password("refused") == "refused"


def test_a_server_is_distinguished_from_a_database() -> None:
    assert TrackingStore("https://mlflow.example", None).is_server
    assert not TrackingStore("sqlite:////w/mlflow.db", Path("/w")).is_server
