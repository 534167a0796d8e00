"""A broken installation or machine stops a study and ends no trial of it."""

from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.scheduling import Event, StudyEnded, TrialReleased
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.status import read_status
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.trial_failures import note_attempt
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import MachineError
from hpsearch.trainers import TrainingData
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]


def _dying_at(*numbers: int) -> Callable[[TrialJob], Any]:
    """`run_job`, whose worker dies of the trials `numbers` as soon as it has begun them."""

    def run(job: TrialJob) -> Any:
        if job.number not in numbers:
            return run_job(job)
        job.folder.mkdir(parents=True, exist_ok=True)
        note_attempt(job.folder, 0)
        raise ConnectionError("as joblib raises when a worker dies")

    return run


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate"), ImportError("no numpy")])
def test_a_machine_failure_stops_the_study_and_changes_no_result(
    error: Exception,
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = TwoLayerNetTrainer.train_epoch
    calm = conduct(define(), workspace=fresh())[-1]
    assert isinstance(calm, StudyEnded)
    n_begun = 0

    def fail_later(trainer: TwoLayerNetTrainer, data: TrainingData) -> Any:
        nonlocal n_begun
        n_begun += data.epoch == 1
        if n_begun > 3:
            raise error
        return train(trainer, data)

    with monkeypatch.context() as patch:
        patch.setattr(TwoLayerNetTrainer, "train_epoch", fail_later)
        with pytest.raises(MachineError, match=f"^small: .*{error}") as raised:
            conduct(define())
    assert "\n" not in str(raised.value)
    states = {record.state for record in recorded(workspace).records()}
    assert states == {State.COMPLETE, State.WAITING}
    events = conduct(define())
    assert events[-1].is_complete
    assert fingerprint(events[-1].records) == fingerprint(calm.records)


def test_workers_that_cannot_start_stop_the_study(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(job: TrialJob) -> None:
        raise ConnectionError("as joblib raises when a worker dies")

    monkeypatch.setattr("hpsearch.engine.execution.pool.MAX_FALSE_STARTS", 3)
    monkeypatch.setattr("hpsearch.engine.scheduling.scheduler.run_job", die)
    with pytest.raises(MachineError, match="small: workers die before they begin"):
        conduct(define())
    assert {record.state for record in recorded(workspace).records()} == {State.WAITING}


def test_a_trial_whose_workers_died_is_recorded_as_ended_by_its_machine(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hpsearch.engine.scheduling.scheduler.run_job", _dying_at(2))
    assert conduct(define())[-1].is_complete
    search = recorded(workspace)
    (failed,) = [one for one in search.records() if one.state == State.FAILED]
    assert (failed.number, failed.ended_by_machine) == (2, True)
    assert "its worker died 3 times at the same epoch" in str(failed.reason)
    status = read_status(search, workspace.study("small")).as_json()
    assert status["disturbances"]["ended_by_machine"] == [2]


def test_two_consecutive_trials_with_dead_workers_stop_the_study(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine that kills all workers must not end all trials."""
    monkeypatch.setattr("hpsearch.engine.scheduling.scheduler.run_job", _dying_at(*range(8)))
    with pytest.raises(MachineError, match="workers of trials 0 and 1 died one after the other"):
        conduct(define(), n_jobs=1)
    first, *others = [record.state for record in recorded(workspace).records()]
    assert first == State.FAILED
    assert set(others) == {State.WAITING}


def test_the_first_failure_is_the_one_reported(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise MemoryError("Unable to allocate")

    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", fail)
    released: list[int] = []

    def note(event: Event) -> bool:
        if isinstance(event, TrialReleased):
            released.append(event.number)
        return False

    with pytest.raises(MachineError, match=r"not enough memory for trial \d \(learning_rate = "):
        conduct(define(), stop_at=note)
    assert released
