"""The best on fresh seeds: the same for any workers, stops and kills; no part of the search."""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import Confirmation, State, fingerprint, rank
from hpsearch.engine.scheduling import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    ModelChosen,
    TestScored,
    TrialEnded,
    TrialStarted,
    WinnerJudged,
)
from hpsearch.engine.search import SearchStudy, read_confirmations
from hpsearch.engine.training.trial_failures import ATTEMPTS_FILE
from hpsearch.engine.trial_files import CHECKPOINT_FILE, PREDICTIONS_FILE
from hpsearch.engine.workspace import Workspace

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]
Fresh = Callable[[], Workspace]

CONFIRM = {"top": 2, "seeds": 2}
# Seconds of training on a fast machine too: the end of an epoch is noticed within half a second.
LONG = {"epochs": {"low": 250, "high": 300}}


def _of(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def _results(search: SearchStudy) -> list[Confirmation]:
    """What must not depend on workers and interruptions."""
    return [dataclasses.replace(one, duration_s=0.0) for one in read_confirmations(search)]


def test_the_best_are_confirmed_after_the_last_trial_and_before_the_test(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    events = conduct(define(trials=5, confirm=CONFIRM))
    kinds = [type(event) for event in events]
    last_trial = max(i for i, kind in enumerate(kinds) if kind is TrialEnded)
    first = kinds.index(ConfirmationAdvanced)
    last = max(i for i, kind in enumerate(kinds) if kind is ConfirmationEnded)
    assert last_trial < first < last < kinds.index(WinnerJudged) < kinds.index(TestScored)

    search = recorded(workspace)
    first_two = [record.number for record in rank(search.records())[:2]]
    done = read_confirmations(search)
    assert {(one.number, one.replicate) for one in done} == {
        (number, replicate) for number in first_two for replicate in (1, 2)
    }
    assert {one.state for one in done} == {State.COMPLETE}
    nets = {one.net_sha256 for one in done} | {record.net_sha256 for record in search.records()}
    assert len(nets) == 4 + 5  # all are other nets
    for one in done:
        folder = workspace.study("small").confirmation(one.number, one.replicate)
        assert (folder / PREDICTIONS_FILE).exists()
        assert not (folder / CHECKPOINT_FILE).exists()


def test_neither_workers_nor_confirmations_change_the_result(
    define: Define, conduct: Conduct, recorded: Recorded, fresh: Fresh
) -> None:
    outcomes, confirmed = set(), []
    for n_jobs, backend, confirm in (
        (1, "threading", CONFIRM),
        (2, "loky", CONFIRM),
        (2, "threading", None),
    ):
        workspace = fresh()
        definition = define(pruner={"name": "median", "n_startup_trials": 2}, confirm=confirm)
        events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
        (chosen,), (judged,) = _of(events, ModelChosen), _of(events, WinnerJudged)
        search = recorded(workspace)
        outcomes.add(
            (fingerprint(search.records()), chosen.model.sha256(), judged.verdict.selection)
        )
        confirmed.append(_results(search))
    assert len(outcomes) == 1
    assert confirmed[0] == confirmed[1]
    assert (len(confirmed[0]), confirmed[2]) == (4, [])


def test_a_stopped_confirmation_goes_on_from_its_epoch_as_if_it_had_not_been(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace, fresh: Fresh
) -> None:
    definition = define(trials=2, confirm={"top": 1, "seeds": 2}, space=LONG)
    calm = fresh()
    conduct(definition, workspace=calm)
    n_stops, events = 0, []
    while not _of(events, TestScored):
        events = conduct(
            definition,
            stop_at=lambda event: isinstance(event, ConfirmationAdvanced) and bool(event.epochs),
        )
        n_stops += bool(_of(events, ConfirmationReleased))
        assert events[-1].is_complete == bool(_of(events, TestScored))
    assert n_stops
    assert _results(recorded(workspace)) == _results(recorded(calm))
    attempts = [
        json.loads(line)["from_epoch"]
        for path in workspace.study("small").trials.glob(f"*/confirm-*/{ATTEMPTS_FILE}")
        for line in path.read_text().splitlines()
    ]
    assert any(attempts)  # not from the first epoch again


def test_killed_workers_change_no_confirmation(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace, fresh: Fresh
) -> None:
    definition = define(trials=2, confirm={"top": 2, "seeds": 1}, space=LONG)
    calm = fresh()
    conduct(definition, workspace=calm)
    n_killed = 0

    def kill_a_worker(event: Event) -> bool:
        nonlocal n_killed
        if isinstance(event, ConfirmationAdvanced) and event.epochs and not n_killed:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # it may be dying already
                    if "LokyProcess" in " ".join(child.cmdline()):
                        child.kill()
                        n_killed += 1
                        break
        return False

    conduct(definition, backend="loky", stop_at=kill_a_worker)
    assert n_killed
    assert _results(recorded(workspace)) == _results(recorded(calm))


def test_a_finished_study_can_be_confirmed_and_then_on_more_seeds(
    define: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    conduct(define(trials=4))
    before = fingerprint(recorded(workspace).records())
    for confirm, n_new in (({"top": 1, "seeds": 1}, 1), (CONFIRM, 3), (None, 0)):
        events = conduct(define(trials=4, confirm=confirm))
        assert len(_of(events, ConfirmationEnded)) == n_new
        assert not _of(events, TrialStarted)
        (scored,) = _of(events, TestScored)
        assert not scored.is_new
    assert len(read_confirmations(recorded(workspace))) == 4
    assert fingerprint(recorded(workspace).records()) == before


def test_a_confirmation_that_raises_is_recorded_as_such_and_not_repeated(
    define: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hpsearch.engine.training import worker as module

    real = module._run

    def fail_second(job: Any, trainer: Any) -> Any:
        if job.replicate == 2:
            raise FloatingPointError("broken")
        return real(job, trainer)

    monkeypatch.setattr(module, "_run", fail_second)
    definition = define(trials=2, confirm={"top": 1, "seeds": 3})
    events = conduct(definition)
    failed = [one for one in read_confirmations(recorded(workspace)) if one.replicate == 2]
    assert [(one.state, one.reason) for one in failed] == [
        (State.FAILED, "FloatingPointError: broken")
    ]
    (judged,) = _of(events, WinnerJudged)
    (confirmed,) = judged.verdict.confirmed
    assert (len(confirmed.val_scores), confirmed.n_lost) == (2, 1)
    assert not _of(conduct(definition), ConfirmationEnded)
