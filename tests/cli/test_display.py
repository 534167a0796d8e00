"""What stands at the terminal while a study runs, and when it has ended."""

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from hpsearch.api.terminal.lines import LineDisplay, OutcomeDisplay
from hpsearch.api.terminal.live import LiveDisplay
from hpsearch.api.terminal.outcome import print_outcome
from hpsearch.api.terminal.trial_lines import describe_ended
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
from hpsearch.foundations.metrics import ACCURACY
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
        console = Console(file=io.StringIO(), width=100, force_terminal=kind is LiveDisplay)
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
    display = make(LiveDisplay)
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
    assert "writing to MLflow ..." in _text(display).splitlines()[-1]


@pytest.mark.parametrize("kind", [LiveDisplay, LineDisplay, OutcomeDisplay])
def test_notices_about_the_data_are_always_shown(
    kind: type, make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(kind)
    display.show(StudyOpened(define(), [], 2, ("pets: 2 files are left out [bold]",)))
    assert "pets: 2 files are left out [bold]\n" in display.console.file.getvalue()


def test_confirmations_are_shown_with_their_trial_and_not_counted_as_trials(
    make: Callable[..., Any], define: Callable[..., StudyDefinition], job: TrialJob
) -> None:
    display = make(LiveDisplay)
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

    lines = make(LineDisplay)
    lines.show(StudyOpened(define(), [RECORD], 2))
    lines.show(ConfirmationEnded(Confirmation(3, 1, State.COMPLETE, 0.8, "net", 1.0, None)))
    assert "trial 3, fresh seed 1  complete" in lines.console.file.getvalue()


def test_without_a_terminal_each_trial_is_a_line(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(LineDisplay)
    display.show(StudyOpened(define(), [], 2))
    display.show(TrialEnded(dataclasses.replace(RECORD, searched={"reg": 0.001})))
    display.show(TrialReleased(4))
    lines = display.console.file.getvalue().splitlines()
    assert lines[0] == "small: 0 of 8 trials done, 2 at a time"
    fields = ["trial 3", "complete", "val_accuracy 0.8125", "1 min 15 s", "2 epochs", "reg=0.001"]
    assert re.split(r" {2,}", lines[1]) == fields
    assert re.split(r" {2,}", lines[2]) == ["trial 4", "interrupted"]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": State.PRUNED}, "epoch 2 of 6"),
        ({"state": State.PRUNED, "diverged": True}, "diverged, epoch 3 of 6"),
        ({"state": State.FAILED, "reason": "ValueError:  no\nnumber"}, "ValueError: no number"),
        (
            {"state": State.FAILED, "reason": "exit code 9", "ended_by_machine": True},
            "worker died: exit code 9",
        ),
    ],
)
def test_a_trial_that_ends_early_says_why(changes: dict[str, Any], told: str) -> None:
    record = dataclasses.replace(RECORD, **changes)
    assert re.split(r" {2,}", describe_ended(TrialEnded(record), ACCURACY) or "")[4] == told


@pytest.mark.parametrize("width", [40, 60, 90, 200])
def test_a_line_for_a_narrow_terminal_has_fewer_values_and_cuts_none(width: int) -> None:
    searched = {"learning_rate": 0.00040031, "reg": 3.764e-05, "hidden_size": 1024}
    record = dataclasses.replace(RECORD, state=State.PRUNED, searched=searched)
    whole = re.split(r" {2,}", describe_ended(TrialEnded(record), ACCURACY) or "")
    line = describe_ended(TrialEnded(record), ACCURACY, width) or ""
    assert len(line) <= max(width, 57)
    for text in re.split(r" {2,}", line)[:4]:
        assert text in whole
    assert {*line.split()} <= {part for text in whole for part in text.split()}


def test_ended_trials_scroll_by_above_the_live_part(
    make: Callable[..., Any], define: Callable[..., StudyDefinition], job: TrialJob
) -> None:
    display = make(LiveDisplay)
    display.show(StudyOpened(define(), [], 2))
    display.show(TrialStarted(job))
    display.show(TrialEnded(dataclasses.replace(RECORD, state=State.PRUNED)))
    display.show(TrialReleased(5))
    text = Text.from_ansi(_text(display)).plain
    assert text.index("epoch 2 of 6") < text.index("interrupted") < text.rindex("1/8")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_best_trials_are_as_many_as_fit(
    width: int, define: Callable[..., StudyDefinition], tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=width)
    searched = {"learning_rate_decay": 0.95123, "reg": 0.00078951}
    records = [dataclasses.replace(RECORD, number=n, searched=searched) for n in range(9)]
    event = StudyEnded(records, is_complete=False)
    print_outcome(console, event, define(), RunOptions(Workspace(tmp_path)))
    text = str(console.file.getvalue())  # type: ignore[attr-defined]
    assert "…" not in text
    assert "0.0007895" in text
    assert max(map(len, text.splitlines())) <= width


def test_the_outcome_names_score_best_and_next_commands(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(OutcomeDisplay)
    display.show(StudyOpened(define(), [], 2))
    display.show(TrialEnded(RECORD))
    display.show(TestScored(SCORE, "1st evaluation", is_new=True))
    display.show(StudyEnded([RECORD], is_complete=True))
    text = display.console.file.getvalue()
    assert (
        "test_accuracy 0.5431 (95 % CI 0.533-0.553); 0.5440 on the first 1,000, 1st evaluation"
        in text
    )
    for words in ("best 1 of 1 complete", "hpsearch ui", "hpsearch best small --out best"):
        assert words in text


def test_problems_are_printed_with_advice(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(OutcomeDisplay)
    display.show(StudyOpened(define(), [], 2))
    display.show(EvaluationRefused("spent"))
    display.show(MirrorBehind("no answer"))
    display.show(StudyEnded([], is_complete=True))
    text = display.console.file.getvalue()
    assert "hpsearch score small --evaluate-again" in text
    assert "MLflow is not up to date (no answer)" in text
    assert "hpsearch reconcile small" in text
    assert "no trial is complete" in text


def test_workers_without_the_folder_and_unequal_machines_are_reported(
    make: Callable[..., Any], define: Callable[..., StudyDefinition]
) -> None:
    display = make(LineDisplay)
    display.show(StudyOpened(define(), [], 2))
    display.show(WorkersSurveyed(WorkerSurvey(3, ("node7",), ("node8 (numpy 1, here 2)",))))
    text = display.console.file.getvalue()
    assert "workers on node7 do not see" in text
    assert "from its first epoch" in text
    assert "machines differ" in text
    assert "node8 (numpy 1, here 2)" in text
