"""Failed trials run again under their own numbers; what later trials had known is on record."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import Retry, State, fingerprint
from hpsearch.engine.scheduling import (
    EvaluationRefused,
    Event,
    StudyEnded,
    TestScored,
    TrialReopened,
)
from hpsearch.engine.search import SearchStudy, load_study, open_storage, read_confirmations
from hpsearch.engine.status import read_status
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.trial_failures import note_attempt, read_attempts
from hpsearch.engine.workspace import Workspace

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """While the context lasts, the trials with these numbers raise, or kill their workers."""

    @contextlib.contextmanager
    def fail(*numbers: int, deadly: bool = False, replicate: int = 0) -> Iterator[None]:
        from hpsearch.engine.training import worker as module

        real = module._replay_then_train

        def train(job: TrialJob, *arguments: Any) -> Any:
            if job.number in numbers and job.replicate == replicate:
                raise ValueError("broken")
            yield from real(job, *arguments)

        def die(job: TrialJob) -> Any:
            if job.number not in numbers:
                return run_job(job)
            job.folder.mkdir(parents=True, exist_ok=True)
            note_attempt(job.folder, 0)
            raise ConnectionError("as joblib raises when a worker dies")

        with monkeypatch.context() as patch:
            if deadly:
                patch.setattr("hpsearch.engine.scheduling.scheduler.run_job", die)
            else:
                patch.setattr(module, "_replay_then_train", train)
            yield

    return fail


def _reopened(events: list[Event]) -> dict[int, Retry]:
    reopened = [event.record for event in events if isinstance(event, TrialReopened)]
    return {record.number: record.retries[-1] for record in reopened}


@pytest.mark.parametrize("deadly", [False, True])
def test_a_failure_unknown_to_later_trials_changes_no_result(
    deadly: bool,
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
) -> None:
    calm = conduct(define(), workspace=fresh())[-1]
    assert isinstance(calm, StudyEnded)
    with failing(6, deadly=deadly):
        conduct(define())
    before = recorded(workspace).record(6)
    assert (before.state, before.ended_by_machine) == (State.FAILED, deadly)

    events = conduct(define(), retry_failed=True)
    (retry,) = _reopened(events).values()
    assert (retry.ended_by_machine, retry.known_to) == (deadly, ())
    after = recorded(workspace)
    assert after.record(6).hyperparameters == before.hyperparameters
    assert (after.record(6).state, after.record(6).reason) == (State.COMPLETE, None)
    assert not after.record(6).ended_by_machine
    assert fingerprint(after.records()) == fingerprint(calm.records)
    assert read_attempts(workspace.study("small").trial(6)).n_begun == 1


def test_later_trials_that_had_known_of_a_failure_are_named(
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    recorded: Recorded,
    workspace: Workspace,
) -> None:
    with failing(2, 6):
        conduct(define())  # lag 3: trial 5 is the first that knows trial 2
    events = conduct(define(), retry_failed=True)
    assert {number: one.known_to for number, one in _reopened(events).items()} == {
        2: (5, 6, 7),
        6: (),
    }
    assert events[-1].is_complete
    status = read_status(recorded(workspace), workspace.study("small")).as_json()
    assert status["trials"]["failed"] == 0
    assert status["disturbances"]["retries"] == [
        {
            "number": 2,
            "reason": "ValueError: broken",
            "ended_by_machine": False,
            "known_to": (5, 6, 7),
        },
        {"number": 6, "reason": "ValueError: broken", "ended_by_machine": False, "known_to": ()},
    ]


def test_a_trial_that_fails_again_can_be_run_again(
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    recorded: Recorded,
    workspace: Workspace,
) -> None:
    with failing(7):
        for _ in range(2):
            conduct(define(), retry_failed=True)
            assert recorded(workspace).record(7).state == State.FAILED
    conduct(define(), retry_failed=True)
    record = recorded(workspace).record(7)
    assert (record.state, len(record.retries)) == (State.COMPLETE, 2)


def test_failed_trials_are_not_retried_by_default(
    define: Define, conduct: Conduct, failing: Callable[..., Any]
) -> None:
    with failing(7):
        conduct(define())
    assert conduct(define())[-1].records[7].state == State.FAILED


def test_a_retry_that_is_interrupted_goes_on(
    define: Define, conduct: Conduct, failing: Callable[..., Any]
) -> None:
    with failing(6, 7):
        conduct(define())
    conduct(define(), retry_failed=True, stop_at=lambda event: isinstance(event, TrialReopened))
    last = conduct(define())[-1]
    assert isinstance(last, StudyEnded)
    assert {record.state for record in last.records} == {State.COMPLETE}


def test_an_evaluation_of_the_test_split_stays_spent(
    define: Define, conduct: Conduct, failing: Callable[..., Any], workspace: Workspace
) -> None:
    """A trial run again may be the best; it is then not scored unasked."""
    poor = {"learning_rate": 0.003, "hidden_size": 4, "epochs": 3}
    good = {"learning_rate": 0.1, "hidden_size": 24, "epochs": 6}
    definition = define(trials=2, first=[poor, good])
    with failing(1):
        conduct(definition)
    ledger = workspace.study("small").test_ledger
    before = ledger.read_bytes()
    events = conduct(definition, retry_failed=True)
    assert [event for event in events if isinstance(event, EvaluationRefused)]
    assert ledger.read_bytes() == before
    assert not [event for event in events if isinstance(event, TestScored)]


def test_failed_confirmations_are_run_again_too(
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    recorded: Recorded,
    workspace: Workspace,
) -> None:
    definition = define(trials=3, confirm={"top": 1, "seeds": 1})
    with failing(0, 1, 2, replicate=1):
        conduct(definition)
    assert [one.state for one in read_confirmations(recorded(workspace))] == [State.FAILED]
    conduct(definition, retry_failed=True)
    assert [one.state for one in read_confirmations(recorded(workspace))] == [State.COMPLETE]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_each_storage_keeps_a_retry_and_what_came_of_it(
    kind: str,
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    workspace: Workspace,
) -> None:
    url = f"sqlite:///{workspace.root}/optuna.db" if kind == "sqlite" else None
    with failing(4, 6):
        conduct(define(), storage_url=url)
    events = conduct(define(), storage_url=url, retry_failed=True)
    journal = workspace.study("small").journal
    record, unchanged = (
        load_study("small", open_storage(url, journal)).record(number) for number in (4, 3)
    )
    assert record.state == State.COMPLETE
    assert record.val_scores[-1] == record.value
    assert record.retries == (Retry("ValueError: broken", False, (7,)),)
    assert record.reason is None
    assert events[-1].records[4] == record
    assert events[-1].records[3] == unchanged


def test_mlflow_shows_the_attempt_that_counts(
    define: Define,
    conduct: Conduct,
    failing: Callable[..., Any],
    workspace: Workspace,
) -> None:
    from mlflow import MlflowClient

    with failing(2):
        conduct(define(trials=3), shown=True)
    conduct(define(trials=3), shown=True, retry_failed=True)
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id], "tags.`hpsearch.trial` = '2'")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert "error" not in runs[0].data.tags
    assert runs[0].data.tags["retries"] == "1"
