"""A real MLflow store, and trials to show in it."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hpsearch.definition import StudyDefinition
from hpsearch.records import State, TrialRecord
from hpsearch.tracking import TrackingStore, TrialView, open_mirror
from hpsearch.training import Epoch
from hpsearch.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> TrackingStore:
    return TrackingStore(f"sqlite:///{workspace.mlflow_db}", workspace.mlflow_artifacts)


@pytest.fixture
def make_mirror(store: TrackingStore, define: Callable[..., StudyDefinition]) -> Callable[..., Any]:
    """Open the mirror of the study; again for each call, as each run of a study does."""

    def make(**changes: Any) -> Any:
        data = {"name": "digits", "source": "sklearn", "checksum": "c" * 64, "shape": [600, 8, 8]}
        used = dataclasses.replace(store, **changes)
        return open_mirror(used, define(), data, {"seed": "0", "data_checksum": "c" * 64})

    return make


@pytest.fixture
def make_view(tmp_path: Path) -> Callable[..., TrialView]:
    def make(number: int, state: State, *, n_epochs: int = 3, **changes: Any) -> TrialView:
        epochs = tuple(
            Epoch(n, 2.0 / n, 0.1 * n, 0.2 * n, 0.1, 0.5, 1.7e9 + n, (2.0, 1.9))
            for n in range(1, n_epochs + 1)
        )
        record = TrialRecord(
            number=number,
            state=state,
            value=0.6 if state == State.COMPLETE else None,
            hyperparameters={"learning_rate": 0.1, "epochs": n_epochs},
            val_accuracies=tuple(epoch.val_accuracy for epoch in epochs),
            net_sha256="abc" if state == State.COMPLETE else None,
            duration_s=1.0,
            diverged=False,
            reason=None,
            versions={},
            started_at=datetime(2026, 1, 1, tzinfo=UTC),
            ended_at=datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
        )
        picture = tmp_path / "weights.png"
        picture.write_bytes(b"picture")
        return TrialView(dataclasses.replace(record, **changes), epochs, [picture])

    return make
