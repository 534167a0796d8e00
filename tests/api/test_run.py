import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.execution import FileLease, open_backend
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.scheduling import (
    EvaluationRefused,
    Event,
    MirrorBehind,
    ModelChosen,
    StudyEnded,
    StudyOpened,
    TestScored,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
    WinnerJudged,
)
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.training.trial_failures import warm_up
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import DamagedDataError, RefusedError, StoreError, UsageError
from tests.api.conftest import DisabledPublisher
from tests.conftest import TWO_LAYER_NET
from tests.postgres import Postgres
from tests.processes import list_modules

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]


def _of(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_events_are_yielded_in_order(define: Define, conduct: Conduct) -> None:
    events = conduct(define())
    assert isinstance(events[0], StudyOpened)
    assert {event.record.number for event in _of(events, TrialEnded)} == set(range(8))
    chosen, scored, ended = events[-3:]
    assert isinstance(chosen, ModelChosen)
    assert isinstance(scored, TestScored)
    assert scored.is_new
    assert isinstance(ended, StudyEnded)
    assert ended.is_complete
    best = max(ended.records, key=lambda record: (record.value, -record.number))
    assert chosen.model.facts["trial"] == best.number
    assert chosen.model.sha256() == best.net_sha256 == scored.evaluation.net_sha256


def test_of_all_trials_the_best_three_keep_their_models(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    """Three in all, not three a run; the rest would fill the disk."""
    conduct(define(trials=5))
    conduct(define(trials=8))
    ranked = sorted(recorded(workspace).records(), key=lambda one: (-(one.value or 0), one.number))
    kept = {path.parent.name for path in workspace.study("small").trials.glob("*/checkpoint*")}
    assert kept == {f"{record.number:04d}" for record in ranked[:3]}


def test_a_stop_after_the_last_trial_leaves_the_test_set_to_the_next_run(
    define: Define, conduct: Conduct
) -> None:
    events = conduct(define(), stop_at=lambda event: isinstance(event, WinnerJudged))
    assert not _of(events, TestScored)
    (ended,) = _of(events, StudyEnded)
    assert not ended.is_complete
    (scored,) = _of(conduct(define()), TestScored)
    assert scored.is_new


def test_what_the_end_needs_is_imported_while_the_last_trial_runs(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(DisabledPublisher, "warm_up", lambda _: happened.append("ready"))

    def note(event: Event) -> bool:
        if isinstance(event, TrialStarted | ModelChosen):
            happened.append(type(event).__name__)
        return False

    conduct(define(trials=4), stop_at=note)
    assert happened == [*["TrialStarted"] * 3, "ready", "TrialStarted", "ModelChosen"]


def test_an_unknown_backend_is_refused_before_anything_is_made(
    define: Define, conduct: Conduct, workspace: Workspace
) -> None:
    with pytest.raises(UsageError, match="--backend lokky"):
        conduct(define(), backend="lokky")
    assert workspace.study_names() == []


def test_neither_workers_nor_backend_change_the_result(
    define: Define, conduct: Conduct, recorded: Recorded, fresh: Callable[[], Workspace]
) -> None:
    definition = define(pruner={"name": "median", "n_startup_trials": 2})
    outcomes = set()
    # Five at a time are more than the lag of 3 lets start.
    for n_jobs, backend in ((1, "threading"), (5, "threading"), (2, "loky")):
        workspace = fresh()
        events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
        (chosen,) = _of(events, ModelChosen)
        outcomes.add((fingerprint(recorded(workspace).records()), chosen.model.sha256()))
    assert len(outcomes) == 1


@pytest.mark.parametrize("kind", [TrialEnded, TrialAdvanced])
def test_a_stopped_study_continues_as_if_it_had_not_been(
    kind: type,
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
) -> None:
    definition = define(trials=5, space={"epochs": {"low": 250, "high": 300}})
    calm = fresh()
    conduct(definition, workspace=calm)
    n_stops = 0
    while True:
        events = conduct(definition, stop_at=lambda event: isinstance(event, kind))
        assert State.RUNNING not in {r.state for r in recorded(workspace).records()}
        if events[-1].is_complete:
            break
        assert not _of(events, TestScored)
        n_stops += 1
    assert n_stops > 1
    assert fingerprint(recorded(workspace).records()) == fingerprint(recorded(calm).records())


def test_an_interrupted_trial_is_given_back(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    slow = define(trials=2, space={"epochs": {"low": 3000, "high": 4000}, "hidden_size": 24})
    events = conduct(slow, stop_at=lambda event: isinstance(event, TrialAdvanced))
    assert {event.number for event in _of(events, TrialReleased)} == {0, 1}
    assert {record.state for record in recorded(workspace).records()} == {State.WAITING}


def test_time_running_out_stops_a_study_in_order(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    slow = define(trials=2, space={"epochs": {"low": 30000, "high": 40000}})
    events = conduct(slow, timeout_s=1.0)
    assert not events[-1].is_complete
    assert {record.state for record in recorded(workspace).records()} == {State.WAITING}


def test_a_complete_study_shows_its_score_and_opens_nothing(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    conduct(define())

    def refuse(*_: Any) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr("hpsearch.engine.test_evaluation._open_test_split", refuse)
    events = conduct(define())
    (scored,) = _of(events, TestScored)
    assert not scored.is_new
    assert not _of(events, TrialEnded)


def test_more_trials_keep_the_first_and_a_new_best_net_is_not_scored(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    poor = {"learning_rate": 0.003, "hidden_size": 4, "epochs": 3}
    good = {"learning_rate": 0.1, "hidden_size": 24, "epochs": 6}
    definition = define(trials=1, first=[poor, good])
    conduct(definition)
    before = recorded(workspace).records()
    events = conduct(definition.with_trials(2))
    after = recorded(workspace).records()
    assert fingerprint(after[:1]) == fingerprint(before)
    assert after[1].value > after[0].value
    (refused,) = _of(events, EvaluationRefused)
    assert f"model {after[0].net_sha256[:12]} was evaluated on the test split" in refused.reason
    known = read_evaluations(recorded(workspace), workspace.study("small").test_ledger)
    assert [one.net_sha256 for one in known.own] == [after[0].net_sha256]
    assert known.problems == []


def test_a_trial_that_raises_fails_and_the_study_goes_on(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpsearch.engine.training import worker as module

    real = module._run

    def fail_third(job: Any, trainer: Any) -> Any:
        if job.number == 2:
            raise FloatingPointError("broken")
        return real(job, trainer)

    monkeypatch.setattr(module, "_run", fail_third)
    events = conduct(define())
    failed = [record for record in events[-1].records if record.state == State.FAILED]
    assert [(r.number, r.reason) for r in failed] == [(2, "FloatingPointError: broken")]
    assert events[-1].is_complete


def test_killed_workers_cost_time_and_change_nothing(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
) -> None:
    definition = define(trials=4, space={"epochs": {"low": 250, "high": 300}})
    calm = fresh()
    conduct(definition, workspace=calm)
    n_killed = 0

    def kill_a_worker(event: Event) -> bool:
        nonlocal n_killed
        if isinstance(event, TrialAdvanced) and n_killed < 3:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # it may be dying already
                    if "LokyProcess" in " ".join(child.cmdline()):
                        child.kill()
                        n_killed += 1
                        break
        return False

    events = conduct(definition, backend="loky", stop_at=kill_a_worker)
    assert n_killed
    assert events[-1].is_complete
    assert fingerprint(recorded(workspace).records()) == fingerprint(recorded(calm).records())


def test_a_damaged_history_is_written_anew(
    define: Define, conduct: Conduct, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs it to go on; so a study must not stop at it before its worker mends it."""
    from hpsearch.engine.training import worker as module

    real = module._run

    def begin_late(job: Any, trainer: Any) -> Any:
        time.sleep(1.2)  # longer than the coordinator waits before it looks
        return real(job, trainer)

    history = workspace.study("small").trial(0) / HISTORY_FILE
    history.parent.mkdir(parents=True)
    history.write_bytes(b"garbage")
    monkeypatch.setattr(module, "_run", begin_late)
    events = conduct(define(trials=1))
    (record,) = events[-1].records
    assert tuple(epoch.val_score for epoch in load_history(history)) == record.val_scores


def test_a_full_disk_stops_the_study_and_loses_nothing(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hpsearch.engine.training import worker as module

    real = module.save_checkpoint

    def refuse_the_fifth(path: Path, checkpoint: Any, history: Any) -> None:
        if path.parent.name == "0004":
            raise OSError(28, "No space left on device")
        real(path, checkpoint, history)

    with monkeypatch.context() as full:
        full.setattr(module, "save_checkpoint", refuse_the_fifth)
        with pytest.raises(StoreError, match="No space left on device"):
            conduct(define())
    assert State.RUNNING not in {r.state for r in recorded(workspace).records()}
    conduct(define())
    calm = fresh()
    conduct(define(), workspace=calm)
    assert fingerprint(recorded(workspace).records()) == fingerprint(recorded(calm).records())


@pytest.mark.slow
def test_a_database_that_restarts_in_the_middle_changes_nothing(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
    postgres: Postgres,
) -> None:
    conduct(define())
    restarts: list[threading.Thread] = []

    def restart(event: Event) -> bool:
        if isinstance(event, TrialEnded) and event.record.number % 3 == 0:
            postgres.stop()
            restarts.append(threading.Timer(1.0, postgres.start))
            restarts[-1].start()
        return False

    events = conduct(define(), workspace=fresh(), storage_url=postgres.url, stop_at=restart)
    assert len(restarts) == 3
    assert fingerprint(events[-1].records) == fingerprint(recorded(workspace).records())


@pytest.mark.slow
def test_a_database_that_stays_away_stops_the_study_until_it_is_back(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    fresh: Callable[[], Workspace],
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conduct(define())
    disturbed = fresh()

    def stop_the_server(event: Event) -> bool:
        if isinstance(event, TrialEnded) and event.record.number == 3:
            postgres.stop()
        return False

    with monkeypatch.context() as impatient:
        impatient.setattr("hpsearch.engine.scheduling.session._STORAGE_PATIENCE_S", 1.0)
        with pytest.raises(StoreError, match="the same command continues") as caught:
            conduct(
                define(), workspace=disturbed, storage_url=postgres.url, stop_at=stop_the_server
            )
    assert "\n" not in str(caught.value)
    assert postgres.password not in str(caught.value)
    postgres.start()
    events = conduct(define(), workspace=disturbed, storage_url=postgres.url)
    assert fingerprint(events[-1].records) == fingerprint(recorded(workspace).records())


def test_data_that_goes_missing_stops_the_study_as_such(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    def lose_the_data(event: Event) -> bool:
        if isinstance(event, StudyOpened):
            for path in workspace.data.glob("digits-*/train_examples.npy"):
                path.unlink()
        return False

    with pytest.raises(DamagedDataError, match=r"train_examples\.npy"):
        conduct(define(), stop_at=lose_the_data)
    assert {record.state for record in recorded(workspace).records()} == {State.WAITING}


def test_a_dead_tracking_server_does_not_stop_a_study(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    events = conduct(define(trials=3), shown=True, tracking_uri="http://127.0.0.1:1")
    assert isinstance(events[-1], MirrorBehind)
    assert isinstance(events[-2], StudyEnded)
    assert events[-2].is_complete
    assert _of(events, TestScored)


def test_a_study_is_drawn_while_its_best_net_is_judged(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(
        DisabledPublisher, "draw_ahead", lambda _, net: happened.append(net.facts["trial"])
    )
    events = conduct(
        define(trials=3), stop_at=lambda event: bool(happened.append(type(event).__name__))
    )
    best = next(event.model.facts["trial"] for event in events if isinstance(event, ModelChosen))
    assert happened.index(best) == happened.index("WinnerJudged") - 1


def test_a_second_coordinator_is_refused_with_the_name_of_the_first(
    define: Define, conduct: Conduct, workspace: Workspace
) -> None:
    refusals = []

    def try_another(event: Event) -> bool:
        if isinstance(event, TrialEnded) and not refusals:
            with pytest.raises(RefusedError) as caught:
                conduct(define())
            refusals.append(str(caught.value))
        return False

    conduct(define(), stop_at=try_another)
    holder = FileLease.read(workspace.study("small").lease)
    assert holder is not None
    assert f"process {holder.pid} on {holder.host}" in refusals[0]


def test_workers_import_training_but_neither_coordinator_nor_mlflow() -> None:
    with open_backend("loky", partial(warm_up, TWO_LAYER_NET)) as backend:
        (modules,) = backend.call(2, list_modules, [0])
    assert {"hpsearch.trainers.two_layer_net.sgd", "numba"} <= set(modules)
    assert not {"hpsearch.engine.scheduling", "mlflow"} & set(modules)


def test_workers_start_while_the_data_of_a_first_study_are_prepared(
    define: Define, conduct: Conduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("hpsearch.engine.execution.Backend.start", lambda _, n: asked.append(n))
    conduct(define(name="first", trials=3), n_jobs=3)
    conduct(define(name="second", trials=3), n_jobs=3)
    assert asked == [3]
