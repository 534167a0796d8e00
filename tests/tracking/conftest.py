"""A real MLflow store, and trials to show in it."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.models import Model, export_model
from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.workspace import Workspace
from hpsearch.tracking import ModelView, TrackingStore, TrialView, open_mirror
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.engine.models.conftest import make_net, train_own

__all__ = ["train_own"]

STARTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(workspace: Workspace) -> TrackingStore:
    return TrackingStore(f"sqlite:///{workspace.mlflow_db}", workspace.mlflow_artifacts)


@pytest.fixture
def make_mirror(store: TrackingStore, define: Callable[..., StudyDefinition]) -> Callable[..., Any]:
    """Open the mirror of the study; again for each call, as each run of a study does."""

    def make(*, repair: bool = False, **changes: Any) -> Any:
        data = {"name": "digits", "source": "sklearn", "checksum": "c" * 64, "shape": [600, 8, 8]}
        used = dataclasses.replace(store, **changes)
        tags = {"seed": "0", "data_checksum": "c" * 64}
        return open_mirror(used, define(), data, tags, STARTED_AT, repair=repair)

    return make


@pytest.fixture
def make_view(tmp_path: Path) -> Callable[..., TrialView]:
    def make(number: int, state: State, *, n_epochs: int = 3, **changes: Any) -> TrialView:
        epochs = tuple(
            Epoch(
                n,
                0.2 * n,
                0.5,
                1.7e9 + n,
                {"train_loss": 2.0 / n, "train_accuracy": 0.1 * n, "learning_rate": 0.1},
                {"iteration_loss": (2.0, 1.9)},
            )
            for n in range(1, n_epochs + 1)
        )
        record = TrialRecord(
            number=number,
            state=state,
            value=0.6 if state == State.COMPLETE else None,
            hyperparameters={"learning_rate": 0.1, "epochs": n_epochs},
            val_scores=tuple(epoch.val_score for epoch in epochs),
            net_sha256="abc" if state == State.COMPLETE else None,
            duration_s=1.0,
            diverged=False,
            reason=None,
            versions={},
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(minutes=1),
        )
        picture = tmp_path / "weights.png"
        picture.write_bytes(b"picture")
        return TrialView(dataclasses.replace(record, **changes), epochs, [picture])

    return make


def describe_model(net: Model, folder: Path, example: Any, **changes: Any) -> ModelView:
    """Export a model and describe it as it is to be served."""
    export_model(net, folder)
    trainer = net.trainer
    view = ModelView(
        folder,
        net.sha256(),
        net.facts["trial"],
        example,
        "the best",
        output_type="int64" if net.class_names else "float64",
        model_file=trainer.model_file,
        requirements=trainer.requirements,
        serving_code=trainer.serving_code,
    )
    return dataclasses.replace(view, **changes)


@pytest.fixture
def make_model_view(tmp_path: Path) -> Callable[[int], ModelView]:
    """Export a small net; another for each number."""

    def make(seed: int) -> ModelView:
        rng = np.random.default_rng(seed)
        preprocessing = Preprocessing(np.full(48, 120, np.float32))
        net = make_net(make_parameters(48, 5, 3, 0.1, rng), preprocessing, trial=seed)
        example = rng.integers(0, 256, (2, 4, 4, 3), np.uint8)
        return describe_model(net, tmp_path / f"net-{seed}", example)

    return make
