"""What a run prints about its trials and its end."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hpsearch.api.terminal.lines import LineDisplay
from hpsearch.api.terminal.outcome import print_outcome
from hpsearch.api.terminal.trial_lines import describe_ended
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import TestEvaluation
from hpsearch.engine.records import Confirmation, Refit, State, TrialRecord
from hpsearch.engine.scheduling import (
    ConfirmationEnded,
    EvaluationRefused,
    Event,
    MirrorBehind,
    RefitEnded,
    RunOptions,
    StudyEnded,
    StudyOpened,
    TestScored,
    TrialEnded,
    WinnerJudged,
)
from hpsearch.engine.selection import Confirmed, Selection, Verdict
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.metrics import ACCURACY

SCORE = TestEvaluation(
    "small",
    "cd" * 32,
    "ab" * 32,
    10_000,
    "images",
    {"accuracy": 0.5123, "accuracy_first_1000": 0.504},
    low=0.5025,
    high=0.5221,
)
REFUSED = EvaluationRefused("small: its test evaluation was spent")


def _record(number: int, state: State, value: float | None = None, **changes: Any) -> TrialRecord:
    base: dict[str, Any] = {
        "hyperparameters": {"learning_rate": 0.1 + number, "reg": 0.001},
        "val_scores": (0.1,),
        "net_sha256": None,
        "duration_s": 61.0,
        "diverged": False,
        "reason": None,
        "versions": {},
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "ended_at": None,
        "searched": {"learning_rate": 0.1 + number},
    }
    return TrialRecord(number=number, state=state, value=value, **base | changes)


@pytest.fixture
def shown(define: Callable[..., StudyDefinition]) -> Callable[..., str]:
    """What is printed for an event."""

    def show(event: Event, root: str = str(Path("workspace").resolve())) -> str:
        console = Console(file=io.StringIO(), width=100)
        print_outcome(console, event, define(), RunOptions(Workspace(Path(root))))
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    return show


def _fields(event: Event) -> list[str]:
    return re.split(r" {2,}", describe_ended(event, ACCURACY) or "")


def test_a_score_is_given_with_its_size_and_whether_it_is_new(shown: Callable[..., str]) -> None:
    text = shown(TestScored(SCORE, "3rd evaluation of these", is_new=True))
    assert text == (
        "test_accuracy 0.5123 (95 % CI 0.502-0.522); 0.5040 on the first 1,000, "
        "3rd evaluation of these\n"
    )
    assert "(from the record)" in shown(TestScored(SCORE, "", is_new=False))


def test_a_refused_evaluation_says_how_to_ask_for_it(shown: Callable[..., str]) -> None:
    assert "hpsearch score small --evaluate-again" in shown(REFUSED)


def test_a_workspace_with_brackets_in_its_name_is_printed_as_it_is(
    shown: Callable[..., str],
) -> None:
    for event in (StudyEnded([], is_complete=True), REFUSED, MirrorBehind("down")):
        assert "--workspace '/data/[old]/a[/b]'" in shown(event, "/data/[old]/a[/b]")


@pytest.mark.parametrize(
    "tracking", ["http://me:geheim@tracker:5000", "postgresql://db/mlflow?password=geheim"]
)
def test_commands_to_try_next_find_the_same_stores(
    tracking: str, define: Callable[..., StudyDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_DATA_DIR", "/data")
    options = RunOptions(
        Workspace(Path("workspace").resolve()),
        data_dirs=(Path("/data"),),
        storage_url="postgresql+psycopg://me@db/optuna",
        tracking_uri=tracking,
    )
    console = Console(file=io.StringIO(), width=100)
    for event in (StudyEnded([], is_complete=True), MirrorBehind("down"), REFUSED):
        print_outcome(console, event, define(), options)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    stores = "--storage postgresql+psycopg://me@db/optuna --tracking-uri URL"
    assert f"hpsearch reconcile small {stores}" in text
    assert f"hpsearch score small --evaluate-again {stores}" in text
    assert "hpsearch status small --storage postgresql+psycopg://me@db/optuna" in text
    assert "hpsearch ui --tracking-uri URL" in text
    assert "geheim" not in text
    assert "/data" not in text


def test_failed_trials_are_counted_with_the_reason_of_the_first(shown: Callable[..., str]) -> None:
    records = [
        _record(0, State.COMPLETE, 0.5),
        _record(1, State.FAILED, reason="OSError: [Errno 28] no space"),
        _record(2, State.FAILED, reason="later"),
    ]
    text = shown(StudyEnded(records, is_complete=True))
    assert "2 trials failed; trial 1: OSError: [Errno 28] no space" in text
    assert "failed" not in shown(StudyEnded(records[:1], is_complete=True))


def test_the_verdict_is_printed_line_by_line(shown: Callable[..., str]) -> None:
    verdict = Verdict(Selection(1, 0.7, 4), [Confirmed(1, (0.6, 0.7), 0)])
    first, second = shown(WinnerJudged(verdict)).splitlines()
    assert first.startswith("val_accuracy 0.7000 (trial 1), not corrected")
    assert second == "confirmed on 2 fresh seeds: 0.650 +- 0.071"


def test_an_incomplete_mirror_is_reported_with_the_command_to_synchronize_it(
    shown: Callable[..., str],
) -> None:
    text = shown(MirrorBehind("tracking store /a: [/no markup] refused"))
    assert "hpsearch reconcile small" in text
    assert "[/no markup] refused" in text


def test_the_five_best_complete_trials_are_listed_best_first(shown: Callable[..., str]) -> None:
    records = [_record(n, State.COMPLETE, 0.1 * n) for n in range(7)]
    records.append(_record(7, State.PRUNED, 0.99))
    text = shown(StudyEnded(records, is_complete=True))
    trials = next(line for line in text.splitlines() if "trial" in line and "best" not in line)
    assert trials.split()[1:] == ["6", "5", "4", "3", "2"]
    assert "learning_rate" in text
    assert "reg " not in text  # not searched
    assert "hpsearch best small --out best" in text
    assert "--workspace" not in text


def test_next_commands_name_a_workspace_that_is_not_the_default(shown: Callable[..., str]) -> None:
    event = StudyEnded([_record(0, State.COMPLETE, 0.1)], is_complete=True)
    assert "hpsearch status small --workspace /data/ws" in shown(event, "/data/ws")
    assert "--workspace '/my data/workspace'" in shown(event, "/my data/workspace")
    assert "hpsearch reconcile small --workspace /data/ws" in shown(MirrorBehind("x"), "/data/ws")


def test_the_usual_workspace_may_be_named_by_the_environment(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_WORKSPACE", "/data/ws")
    event = StudyEnded([_record(0, State.COMPLETE, 0.1)], is_complete=True)
    assert "--workspace" not in shown(event, "/data/ws")


def test_a_study_without_a_complete_trial_says_so(shown: Callable[..., str]) -> None:
    event = StudyEnded([_record(0, State.FAILED, reason="OSError: x")], is_complete=False)
    text = shown(event)
    assert "no trial is complete" in text
    assert "1 of 8 trials done" in text


def test_a_refit_is_described_on_a_line_and_told_in_any_case_if_there_is_no_net(
    shown: Callable[..., str],
) -> None:
    complete = Refit(7, State.COMPLETE, "net", 12.0, None)
    failed = Refit(7, State.FAILED, None, 1.0, "ValueError: broken [x]")
    assert _fields(RefitEnded(complete))[:2] == ["trial 7, on all examples", "complete"]
    assert _fields(RefitEnded(failed))[-1] == "ValueError: broken [x]"
    assert not shown(RefitEnded(complete))
    text = shown(RefitEnded(failed))
    assert "so there is no best model" in text
    assert "(ValueError: broken [x])" in text
    assert "diverged" in shown(RefitEnded(Refit(7, State.PRUNED, None, 1.0, None)))


def test_a_confirmation_is_described_on_a_line() -> None:
    one = Confirmation(3, 2, State.COMPLETE, 0.5, "net", 61.0, None)
    fields = ["trial 3, fresh seed 2", "complete", "val_accuracy 0.5000", "1 min 1 s"]
    assert _fields(ConfirmationEnded(one)) == fields
    diverged = Confirmation(3, 2, State.PRUNED, None, None, 1, None)
    assert _fields(ConfirmationEnded(diverged))[-1] == "diverged"
    lost = Confirmation(3, 2, State.FAILED, None, None, 1.0, "OSError: x")
    assert _fields(ConfirmationEnded(lost))[1:] == [
        "failed",
        "val_accuracy -",
        "1.0 s",
        "OSError: x",
    ]


@pytest.mark.parametrize("reason", ["KeyError: '[/]'", "ValueError: [red] is no colour"])
def test_a_reason_is_printed_as_it_is_whatever_is_in_it(
    reason: str, define: Callable[..., StudyDefinition]
) -> None:
    """Square brackets are markup to rich, and an exception's text may hold any."""
    console = Console(file=io.StringIO(), width=300)
    lines = LineDisplay(console, RunOptions(Workspace(Path("/w"))))
    lines.show(StudyOpened(define(), [], 2))
    lines.show(TrialEnded(_record(0, State.FAILED, reason=reason)))
    assert reason in console.file.getvalue()  # type: ignore[attr-defined]
