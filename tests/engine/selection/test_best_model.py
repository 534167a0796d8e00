"""The best model of a record: found, or reported what became of it."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.selection import (
    find_best_model,
    has_best_model,
    load_trial_model,
    shed_checkpoints,
)
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.trial_files import CHECKPOINT_FILE, PREDICTIONS_FILE
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DamagedDataError, UsageError
from hpsearch.trainers.two_layer_net import Hyperparameters
from tests.conftest import TWO_LAYER_NET


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "small")
    folder.create()
    return folder


def _record(number: int, value: float | None, state: State = State.COMPLETE) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,
        value=value,
        hyperparameters={},
        val_scores=(),
        net_sha256=None,
        duration_s=1.0,
        diverged=False,
        reason=None,
        versions={},
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        ended_at=None,
    )


@pytest.fixture
def train(digits: PreparedData, folder: StudyFolder) -> Callable[..., TrialRecord]:
    """Train a trial and record it."""

    def make(number: int, **changes: Any) -> TrialRecord:
        setting = {"learning_rate": 0.05, "learning_rate_decay": 1.0, "reg": 0.0}
        sizes = {"hidden_size": 8, "epochs": 2, "batch_size": 50}
        given: dict[str, Any] = {**setting, **sizes, "initial_std": 0.01}
        hyperparameters = Hyperparameters(**given).model_dump()
        job = TrialJob(
            number, 0, TWO_LAYER_NET, hyperparameters, digits, folder.trial(number), threads=1
        )
        result = run_job(job)
        record = _record(number, result.epochs[-1].val_score)
        return dataclasses.replace(
            record, hyperparameters=hyperparameters, net_sha256=result.net_sha256, **changes
        )

    return make


def test_the_best_net_is_that_of_the_best_complete_trial(
    train: Callable[..., TrialRecord],
    define: Callable[..., StudyDefinition],
    digits: PreparedData,
    folder: StudyFolder,
) -> None:
    poor, best = train(0, value=0.2), train(1, value=0.9)
    records = [poor, best, _record(2, 0.95, State.PRUNED), _record(3, None, State.FAILED)]
    net = find_best_model(define(), records, folder, digits)
    assert net is not None
    assert net.sha256() == best.net_sha256
    assert (net.facts["trial"], net.facts["val_accuracy"]) == (1, 0.9)
    assert net.facts["data_checksum"] == digits.checksum


def test_without_a_complete_trial_there_is_no_best_net(
    define: Callable[..., StudyDefinition], digits: PreparedData, folder: StudyFolder
) -> None:
    records = [_record(0, 0.9, State.PRUNED), _record(1, None, State.WAITING)]
    with pytest.raises(UsageError, match="small: no trial is complete yet"):
        find_best_model(define(), records, folder, digits)


def test_a_trial_whose_trainer_returns_no_state_has_no_model(
    define: Callable[..., StudyDefinition], digits: PreparedData, folder: StudyFolder
) -> None:
    records = [_record(0, 0.9)]
    assert not has_best_model(define(), records, ())
    with pytest.raises(UsageError, match="two_layer_net:TwoLayerNetTrainer has no state_dict and"):
        find_best_model(define(), records, folder, digits)


def test_a_lost_checkpoint_is_reported_with_how_to_restore_it(
    train: Callable[..., TrialRecord],
    define: Callable[..., StudyDefinition],
    digits: PreparedData,
    folder: StudyFolder,
) -> None:
    record = train(0)
    (folder.trial(0) / CHECKPOINT_FILE).unlink()
    with pytest.raises(DamagedDataError, match="hpsearch replay small 0 trains it again"):
        load_trial_model(define(), record, folder, digits)


def test_another_net_than_the_recorded_one_is_refused(
    train: Callable[..., TrialRecord],
    define: Callable[..., StudyDefinition],
    digits: PreparedData,
    folder: StudyFolder,
) -> None:
    record = train(0, versions={})
    other = dataclasses.replace(record, net_sha256="0" * 64)
    with pytest.raises(DamagedDataError, match="expected the model 0000"):
        load_trial_model(define(), other, folder, digits)


def test_the_three_best_complete_trials_keep_their_weights(folder: StudyFolder) -> None:
    records = [
        _record(0, 0.5),
        _record(1, 0.9),
        _record(2, 0.7),
        _record(3, 0.7),
        _record(4, 0.99, State.PRUNED),
        _record(5, None, State.FAILED),
        _record(6, None, State.RUNNING),
        _record(7, None, State.WAITING),
    ]
    for record in records:
        folder.trial(record.number).mkdir()
        (folder.trial(record.number) / CHECKPOINT_FILE).touch()
        (folder.trial(record.number) / "history.json").touch()
        (folder.trial(record.number) / PREDICTIONS_FILE).touch()
    best = shed_checkpoints(records, folder)
    assert [record.number for record in best] == [1, 2, 3]
    kept = folder.trials.glob(f"*/{CHECKPOINT_FILE}")
    assert {int(path.parent.name) for path in kept} == {1, 2, 3, 6, 7}
    for name in ("history.json", PREDICTIONS_FILE):
        assert len(list(folder.trials.glob(f"*/{name}"))) == len(records)
    assert shed_checkpoints(records, folder) == best
