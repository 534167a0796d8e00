"""What stands at the terminal while a study runs, and when it has ended."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hpsearch.api.terminal.display import _Lines, _LiveDisplay, _Quiet
from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import TestEvaluation
from hpsearch.engine.records import Confirmation, State, TrialRecord
from hpsearch.engine.scheduling import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    EvaluationRefused,
    MirrorBehind,
    RunOptions,
    StudyEnded,
    StudyOpened,
    TestScored,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
    WorkersSurveyed,
)
from hpsearch.engine.training import TrialJob
from hpsearch.engine.training.survey import WorkerSurvey
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.workspace import Workspace
from hpsearch.trainers.two_layer_net import Hyperparameters
from tests.conftest import TWO_LAYER_NET

SETTING = Hyperparameters(
    learning_rate=0.012,
    learning_rate_decay=0.9,
    reg=0.001,
    hidden_size=24,
    epochs=6,
    batch_size=50,
    initial_std=0.01,
)
RECORD = TrialRecord(
    number=3,
    state=State.COMPLETE,
    value=0.8125,
    hyperparameters=SETTING.model_dump(),
    val_scores=(0.5, 0.8125),
    net_sha256="a" * 64,
    duration_s=75.0,
    diverged=False,
    reason=None,
    versions={},
    started_at=None,
    ended_at=None,
)
SCORE = TestEvaluation(
    "small",
    "c" * 64,
    "a" * 64,
    10_000,
    "images",
    {"accuracy": 0.5431, "accuracy_first_1000": 0.544},
    low=0.533,
    high=0.553,
)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Any]:
    def build(kind: Any) -> Any:
        console = Console(file=io.StringIO(), width=100, force_terminal=kind is _LiveDisplay)
        return kind(console, RunOptions(Workspace(tmp_path / "workspace")))

    return build


@pytest.fixture
def job(digits: PreparedData, tmp_path: Path) -> TrialJob:
    return TrialJob(3, 0, TWO_LAYER_NET, SETTING.model_dump(), digits, tmp_path, 1)


def _text(display: Any) -> str:
    display.console.print(display)
    return str(display.console.file.getvalue())


def test_the_live_display_shows_progress_best_and_trials_in_flight(
    make: Callable[..., Any], define: Callable[..., StudyDefinition], job: TrialJob
) -> None:
    display = make(_LiveDisplay)
    assert "preparing the data" in _text(display)
    display.show(StudyOpened(define(), [dataclasses.replace(RECORD, number=0)], 2))
    display.show(TrialStarted(job))
    epoch = Epoch(1, 0.61, 1.0, 0.0, {"train_loss": 1.5})
    display.show(TrialAdvanced(job, (epoch,)))
    text = _text(display)
    for words in ("small", "1/8", "best 0.8125 (trial 0)", "0.6100", "hidden_size"):
        assert words in text
    row = next(line.split() for line in text.splitlines() if "1/6" in line)
    assert (row[0], row[-1]) == ("3", "24")
    display.show(TrialEnded(RECORD))
    assert "2/8" in _text(display)
    assert "left" in _text(display)
    display.show(StudyEnded([RECORD], is_complete=True))
    assert "writing MLflow ..." in _text(display).splitlines()[-1]


@pytest.mark.parametrize("kind", [_LiveDisplay, _Lines, _Quiet])
def test_notices_about_the_data_are_always_shown(
    kind: type, make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(kind)
    display.show(StudyOpened(define(), [], 2, ("pets: 2 files are left out [bold]",)))
    assert "pets: 2 files are left out [bold]\n" in display.console.file.getvalue()


def test_confirmations_are_shown_with_their_trial_and_not_counted_as_trials(
    make: Callable[..., Any], define: Callable[..., StudyDefinition], job: TrialJob
) -> None:
    display = make(_LiveDisplay)
    display.show(StudyOpened(define(), [RECORD], 2))
    first, second = (dataclasses.replace(job, replicate=replicate) for replicate in (1, 2))
    for one in (first, second):
        display.show(ConfirmationAdvanced(one, ()))
    text = _text(display)
    assert "3, fresh seed 1" in text
    assert "3, fresh seed 2" in text
    display.show(ConfirmationEnded(Confirmation(3, 1, State.COMPLETE, 0.8, "net", 1.0, None)))
    display.show(ConfirmationReleased(second))
    assert not display.running
    assert "1/8" in _text(display)

    lines = make(_Lines)
    lines.show(StudyOpened(define(), [RECORD], 2))
    lines.show(ConfirmationEnded(Confirmation(3, 1, State.COMPLETE, 0.8, "net", 1.0, None)))
    assert "trial    3, fresh seed 1  complete" in lines.console.file.getvalue()


def test_without_a_terminal_each_trial_is_a_line(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(_Lines)
    display.show(StudyOpened(define(), [], 2))
    display.show(TrialEnded(RECORD))
    display.show(TrialReleased(4))
    lines = display.console.file.getvalue().splitlines()
    assert lines[0] == "small: 8 trials, 0 done, 2 at a time"
    assert lines[1].startswith("trial    3  complete val_accuracy 0.8125  1 min 15 s")
    assert lines[2] == "trial    4  stopped, to be continued"
    assert len(lines) == 3


def test_the_outcome_names_score_best_and_next_commands(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(_Quiet)
    display.show(StudyOpened(define(), [], 2))
    display.show(TrialEnded(RECORD))
    display.show(TestScored(SCORE, "1st evaluation", is_new=True))
    display.show(StudyEnded([RECORD], is_complete=True))
    text = display.console.file.getvalue()
    assert (
        "test_accuracy 0.5431 (95 % CI 0.533-0.553) on 10,000 images (evaluated just now)" in text
    )
    assert "0.5440 on the first 1,000" in text
    for words in ("best of 1 complete", "hpsearch ui", "hpsearch best small --out best"):
        assert words in text


def test_problems_are_printed_with_advice(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(_Quiet)
    display.show(StudyOpened(define(), [], 2))
    display.show(EvaluationRefused("spent"))
    display.show(MirrorBehind("no answer"))
    display.show(StudyEnded([], is_complete=True))
    text = display.console.file.getvalue()
    assert "hpsearch score small --spend-another-look" in text
    assert "MLflow is behind (no answer)" in text
    assert "hpsearch reconcile small" in text
    assert "no trial is complete" in text


def test_workers_without_the_folder_and_unequal_machines_are_reported(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(_Lines)
    display.show(StudyOpened(define(), [], 2))
    display.show(WorkersSurveyed(WorkerSurvey(3, ("node7",), ("node8 (numpy 1, here 2)",))))
    text = display.console.file.getvalue()
    assert "workers on node7 do not see" in text
    assert "from its first epoch" in text
    assert "not an equal machine" in text
    assert "node8 (numpy 1, here 2)" in text
