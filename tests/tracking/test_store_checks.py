"""A workspace that was copied or moved, seen by this program and by plain MLflow."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from hpsearch.engine.records import State
from hpsearch.engine.workspace import Workspace
from hpsearch.tracking import ModelView, TrackingStore, prepare_tracking

Make = Callable[..., Any]


@pytest.fixture
def shown(make_mirror: Make, make_view: Make, make_model_view: Make) -> ModelView:
    """A workspace that shows a trial and a registered net."""
    mirror = make_mirror()
    mirror.show_trial(make_view(0, State.COMPLETE))
    net: ModelView = make_model_view(1)
    mirror.show_model(net)
    return net


@pytest.fixture
def _plain_mlflow() -> Iterator[None]:
    """Leave MLflow's address as other tests expect it."""
    yield
    mlflow.set_tracking_uri(None)


def _store(root: Path) -> TrackingStore:
    return TrackingStore(f"sqlite:///{root}/mlflow.db", root / "mlartifacts")


def _files(root: Path) -> set[Path]:
    return {path for path in (root / "mlartifacts").rglob("*") if path.is_file()}


def test_a_copy_writes_nothing_into_the_workspace_it_was_copied_from(
    shown: ModelView, workspace: Workspace, tmp_path: Path, make_mirror: Make, make_view: Make
) -> None:
    copy = tmp_path / "a copy"
    shutil.copytree(workspace.root, copy)
    before, copied = _files(workspace.root), len(_files(copy))
    store = _store(copy)
    mirror = make_mirror(uri=store.uri, artifacts=store.artifacts)
    mirror.show_trial(make_view(0, State.COMPLETE))
    mirror.show_trial(make_view(1, State.COMPLETE))
    assert _files(workspace.root) == before
    assert len(_files(copy)) == copied + 1


@pytest.mark.usefixtures("_plain_mlflow")
def test_the_model_of_a_moved_workspace_loads_with_plain_mlflow(
    shown: ModelView, workspace: Workspace, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    workspace.root.rename(moved)
    prepare_tracking(_store(moved))
    mlflow.set_tracking_uri(f"sqlite:///{moved}/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/small@best")
    assert model.predict(shown.example).shape == (len(shown.example),)
    client = MlflowClient()
    (run,) = client.search_runs(["1"], filter_string="tags.`hpsearch.trial` = '0'")
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["weights.png"]
    assert not workspace.root.exists()


def test_locations_outside_the_workspace_are_not_changed(
    shown: ModelView, workspace: Workspace, tmp_path: Path
) -> None:
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    beside = f"{workspace.mlflow_artifacts.as_uri()}-of-others"
    theirs = client.create_experiment("theirs", artifact_location=beside)
    moved = tmp_path / "moved"
    workspace.root.rename(moved)
    prepare_tracking(_store(moved))
    client = MlflowClient(f"sqlite:///{moved}/mlflow.db")
    assert client.get_experiment(theirs).artifact_location == beside
    ours = client.get_experiment_by_name("small")
    assert ours.artifact_location == (moved / "mlartifacts").as_uri()


def test_a_database_outside_the_workspace_keeps_its_locations(
    shown: ModelView, workspace: Workspace, tmp_path: Path
) -> None:
    """Several workspaces may share one, each with artifacts of its own."""
    shared = tmp_path / "shared.db"
    shutil.copy(workspace.mlflow_db, shared)
    prepare_tracking(TrackingStore(f"sqlite:///{shared}", tmp_path / "other" / "mlartifacts"))
    ours = MlflowClient(f"sqlite:///{shared}").get_experiment_by_name("small")
    assert ours.artifact_location == workspace.mlflow_artifacts.as_uri()


def test_the_example_is_classified_the_same_after_a_move(
    shown: ModelView, workspace: Workspace, tmp_path: Path, make_mirror: Make
) -> None:
    moved = tmp_path / "moved"
    workspace.root.rename(moved)
    store = _store(moved)
    mirror = make_mirror(uri=store.uri, artifacts=store.artifacts, repair=True)
    assert mirror.show_model(shown) == "1"
    assert list(mirror.repairs) == []
    assert np.shape(shown.example) == (2, 4, 4, 3)
