"""Studies of cross-validation: the same for any workers, stops and kills; then the refit."""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

from hpsearch.datasets import open_validation
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.records import REFITS, State, best_of, fingerprint
from hpsearch.engine.scheduling import (
    ConfirmationEnded,
    Event,
    ModelChosen,
    RefitAdvanced,
    RefitEnded,
    RefitReleased,
    StudyEnded,
    TestScored,
    TrialAdvanced,
    TrialEnded,
    TrialStarted,
    WinnerJudged,
    prepare_data,
)
from hpsearch.engine.scheduling.housekeeping import find_leftovers
from hpsearch.engine.scheduling.replay import replay_trial
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.search import (
    SearchStudy,
    find_due_refit,
    is_complete,
    read_confirmations,
    read_refits,
)
from hpsearch.engine.selection import find_best_model, judge_selection
from hpsearch.engine.status import read_status
from hpsearch.engine.test_evaluation import evaluate_once
from hpsearch.engine.training.trial_failures import ATTEMPTS_FILE
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    load_history,
    load_predictions,
)
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import RefusedError, UsageError

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]
Fresh = Callable[[], Workspace]

# Seconds of training on a fast machine too, for the single net of the refit as well: the end of an
# epoch is noticed within half a second.
LONG = {"epochs": {"low": 240, "high": 250}}


@pytest.fixture
def folded(define: Define) -> Define:
    """A small study of cross-validation."""

    def make(folds: int = 3, **changes: Any) -> StudyDefinition:
        data = {"source": "digits", "validation": {"folds": folds}, "stratify": True}
        return define(**{"trials": 4, "data": data} | changes)

    return make


def _of(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def _outcome(search: SearchStudy) -> Any:
    """All that must not depend on workers and interruptions."""
    (refit,) = read_refits(search)
    confirmed = [dataclasses.replace(one, duration_s=0.0) for one in read_confirmations(search)]
    return (
        fingerprint(search.records()),
        (refit.number, refit.state, refit.net_sha256),
        confirmed,
    )


def test_neither_workers_nor_backends_change_the_result(
    folded: Define, conduct: Conduct, recorded: Recorded, fresh: Fresh
) -> None:
    outcomes = []
    for n_jobs, backend in ((1, "threading"), (2, "loky")):
        workspace = fresh()
        definition = folded(
            pruner={"name": "median", "n_startup_trials": 2}, confirm={"top": 1, "seeds": 1}
        )
        events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
        (judged,), (scored,) = _of(events, WinnerJudged), _of(events, TestScored)
        selection, score = judged.verdict.selection, scored.evaluation
        outcomes.append((_outcome(recorded(workspace)), selection, score))
    assert outcomes[0] == outcomes[1]


def test_the_refit_follows_the_last_trial_and_its_net_is_tested(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    events = conduct(folded())
    kinds = [type(event) for event in events]
    last_trial = max(i for i, kind in enumerate(kinds) if kind is TrialEnded)
    first, end = kinds.index(RefitAdvanced), kinds.index(RefitEnded)
    assert last_trial < first < end < kinds.index(WinnerJudged) < kinds.index(TestScored)

    search, folder = recorded(workspace), workspace.study("small")
    (refit,), best = read_refits(search), best_of(search.records())
    assert best is not None
    assert (refit.number, refit.state) == (best.number, State.COMPLETE)
    assert (
        len(load_history(folder.refit(best.number) / HISTORY_FILE))
        == (best.hyperparameters["epochs"])
    )
    (chosen,), (scored,) = _of(events, ModelChosen), _of(events, TestScored)
    assert chosen.model.sha256() == refit.net_sha256 == scored.evaluation.net_sha256
    assert refit.net_sha256 != best.net_sha256
    facts = chosen.model.facts
    assert "val_accuracy" not in facts
    assert facts["cross_validation"] == {"folds": 3, "val_accuracy": best.value}
    assert "3-fold cross-validation" in chosen.model.val_score

    status = read_status(search, folder).as_json()
    assert status["complete"]
    assert status["validation"] == {"folds": 3}
    assert status["refit"] == {"state": "COMPLETE", "reason": None}
    assert status["best"]["net_sha256"] == refit.net_sha256
    assert status["cost"]["refit"] > 0


def test_the_selection_is_judged_by_out_of_fold_predictions_of_all_examples(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    events = conduct(folded())
    (judged,) = _of(events, WinnerJudged)
    selection = judged.verdict.selection
    assert selection.estimate.n_images == 1497
    assert selection.estimate.n_trials == 4
    search, folder = recorded(workspace), workspace.study("small")
    data = prepare_data(search.definition, RunOptions(workspace))
    _, targets = open_validation(data)
    for record in search.records():
        predicted = load_predictions(folder.trial(record.number) / PREDICTIONS_FILE)
        assert record.value == np.mean(predicted == targets)
    assert judge_selection(search.records(), folder, targets) == selection


@pytest.mark.slow
def test_a_study_stopped_again_and_again_is_the_same(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace, fresh: Fresh
) -> None:
    definition, calm = folded(trials=2, space=LONG), fresh()
    conduct(definition, workspace=calm)
    stops: list[type] = []
    events: list[Event] = []
    while not _of(events, TestScored):
        events = conduct(
            definition,
            stop_at=lambda event: (
                isinstance(event, TrialAdvanced | RefitAdvanced) and bool(event.epochs)
            ),
        )
        stops += [type(event) for event in events]
        assert _of(events, StudyEnded)[0].is_complete == bool(_of(events, TestScored))
        assert is_complete(recorded(workspace)) == bool(_of(events, TestScored))
    assert RefitReleased in stops
    assert _outcome(recorded(workspace)) == _outcome(recorded(calm))
    (attempts,) = workspace.study("small").trials.glob(f"*/refit/{ATTEMPTS_FILE}")
    begun = [json.loads(line)["from_epoch"] for line in attempts.read_text().splitlines()]
    assert any(begun)  # not from the first epoch again


@pytest.mark.slow
def test_killed_workers_change_neither_trials_nor_the_refit(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace, fresh: Fresh
) -> None:
    definition, calm = folded(trials=2, space=LONG), fresh()
    conduct(definition, workspace=calm)
    killed: list[type] = []

    def kill_a_worker(event: Event) -> bool:
        is_running = isinstance(event, TrialAdvanced | RefitAdvanced) and event.epochs
        if is_running and type(event) not in killed:
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # it may be dying already
                    if "LokyProcess" in " ".join(child.cmdline()):
                        child.kill()
                        killed.append(type(event))
                        break
        return False

    conduct(definition, backend="loky", stop_at=kill_a_worker)
    assert set(killed) == {TrialAdvanced, RefitAdvanced}
    assert _outcome(recorded(workspace)) == _outcome(recorded(calm))


def test_another_number_of_folds_is_another_study(folded: Define, conduct: Conduct) -> None:
    conduct(folded(trials=1))
    with pytest.raises(RefusedError, match=r"data\.validation\.folds: 3 -> 4"):
        conduct(folded(folds=4, trials=1))


def test_a_longer_study_is_refitted_for_a_new_winner_and_not_tested_again(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    """A second evaluation must be asked for, as it is without folds."""
    worse = {"learning_rate": 0.0031, "hidden_size": 4, "epochs": 3}
    better = {"learning_rate": 0.09, "hidden_size": 24, "epochs": 6}
    first = [worse, better]
    conduct(folded(trials=1, first=first))
    events = conduct(folded(trials=2, first=first))
    search = recorded(workspace)
    assert [one.number for one in read_refits(search)] == [0, 1]
    assert not _of(events, TestScored)
    data = prepare_data(search.definition, RunOptions(workspace))
    folder = workspace.study("small")
    net = find_best_model(search.definition, search.records(), folder, data, read_refits(search))
    with pytest.raises(RefusedError, match="evaluate-again"):
        evaluate_once(net, data, search, folder.test_ledger)
    assert len(read_evaluations(search, folder.test_ledger).own) == 1
    assert not _of(conduct(folded(trials=2, first=first)), TrialStarted)
    with find_leftovers(RunOptions(workspace)) as leftovers:
        superseded = [one.path for one in leftovers if "refit" in one.reason]
    assert superseded == [folder.refit(0) / CHECKPOINT_FILE]


def test_there_is_no_net_before_the_refit_and_the_reason_is_given(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    conduct(folded(trials=2), stop_at=lambda event: isinstance(event, TrialEnded))
    search, folder = recorded(workspace), workspace.study("small")
    data = prepare_data(search.definition, RunOptions(workspace))
    with pytest.raises(UsageError, match="has not been trained on all examples"):
        find_best_model(search.definition, search.records(), folder, data, read_refits(search))
    assert read_status(search, folder).as_json()["best"]["net_sha256"] is None


def test_a_refit_is_due_only_when_the_last_trial_has_ended(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    conduct(folded(trials=2), stop_at=lambda event: isinstance(event, RefitAdvanced))
    search = recorded(workspace)
    if read_refits(search):  # it was over before it could be stopped
        search.note(REFITS, [])
    best = best_of(search.records())
    assert best is not None
    assert find_due_refit(search) == best.number
    longer = SearchStudy(search.definition.with_trials(3), search.optuna_study)
    assert find_due_refit(longer) is None


def test_a_refit_that_fails_leaves_no_net_and_can_be_tried_again(
    folded: Define,
    conduct: Conduct,
    recorded: Recorded,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hpsearch.engine.training import worker as module

    real = module._replay_then_train

    def fail(job: Any, *arguments: Any) -> Any:
        if job.is_refit:
            raise ValueError("broken")
        yield from real(job, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_replay_then_train", fail)
        events = conduct(folded(trials=2))
    (ended,) = _of(events, RefitEnded)
    assert (ended.refit.state, ended.refit.reason) == (State.FAILED, "ValueError: broken")
    assert not _of(events, ModelChosen)
    assert not _of(events, TestScored)
    assert (
        read_status(recorded(workspace), workspace.study("small")).as_json()["refit"]["state"]
        == "FAILED"
    )
    assert not _of(conduct(folded(trials=2)), RefitEnded)

    events = conduct(folded(trials=2), retry_failed=True)
    assert _of(events, TestScored)
    assert not _of(events, TrialStarted)


def test_confirmations_train_all_folds_on_fresh_seeds(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    events = conduct(folded(trials=2, confirm={"top": 1, "seeds": 2}))
    assert len(_of(events, ConfirmationEnded)) == 2
    done = read_confirmations(recorded(workspace))
    for one in done:
        folder = workspace.study("small").confirmation(one.number, one.replicate)
        assert load_predictions(folder / PREDICTIONS_FILE).shape == (1497,)
    assert len({one.net_sha256 for one in done}) == 2


def test_replay_trains_folds_and_refit_again_and_puts_both_back(
    folded: Define, conduct: Conduct, recorded: Recorded, workspace: Workspace
) -> None:
    conduct(folded(trials=2))
    search, folder = recorded(workspace), workspace.study("small")
    data = prepare_data(search.definition, RunOptions(workspace))
    best = best_of(search.records())
    assert best is not None
    gone = folder.refit(best.number) / CHECKPOINT_FILE
    gone.unlink()
    replay = replay_trial(search, best.number, folder, data)
    assert replay.is_equal
    assert replay.restored
    recorded_sha256, now = replay.refit_sha256
    assert recorded_sha256 == now == read_refits(search)[0].net_sha256
    find_best_model(search.definition, search.records(), folder, data, read_refits(search))
