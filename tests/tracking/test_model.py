import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.tracking import TrackingStore, rehearse_model


def test_warming_up_leaves_nothing_behind(
    make_mirror: Callable[..., Any],
    store: TrackingStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mirror = make_mirror()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    rehearse_model()
    assert list(here.iterdir()) == []
    client = MlflowClient(store.uri)
    (run,) = client.search_runs([mirror.experiment_id])
    assert run.info.run_id == mirror.run_id
    assert not client.list_artifacts(run.info.run_id)
    assert not client.search_logged_models([mirror.experiment_id])
    assert not client.search_registered_models()
    assert capfd.readouterr() == ("", "")
