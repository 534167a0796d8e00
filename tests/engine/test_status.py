"""How a study stands, as other programs read it."""

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import add_event
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import (
    MLFLOW_ADDRESS,
    SESSIONS,
    Confirmation,
    Refit,
    State,
    fingerprint,
)
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    note_confirmation,
    note_refit,
    open_storage,
)
from hpsearch.engine.selection import Selection, note_selection
from hpsearch.engine.status import TrialCounts, read_status
from hpsearch.engine.trial_files import CHECKPOINT_FILE, HISTORY_FILE, Epoch, save_history
from hpsearch.engine.workspace import StudyFolder


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "studies" / "small")
    folder.create()
    return folder


@pytest.fixture
def study(define: Callable[..., StudyDefinition], folder: StudyFolder) -> SearchStudy:
    """Of eight trials, two complete, one pruned, one failed, one running."""
    storage = open_storage(None, folder.journal)
    search = create_or_continue_study(define(lag=8), storage, data_checksum="data")
    trials = [search.ask() for _ in range(5)]
    for trial, duration_s in zip(trials, (10.0, 20.0, 4.0, 0.0, 0.0), strict=True):
        trial.set_user_attr("hyperparameters", {"reg": 0.1 * trial.number})
        trial.set_user_attr("duration_s", duration_s)
        trial.set_user_attr("net_sha256", f"net {trial.number}")
        trial.set_user_attr("versions", {"numba": "0.62.0" if trial.number < 2 else "0.63.1"})
        trial.report(0.5, 1)
    search.finish(trials[0], State.COMPLETE, 0.5)
    search.finish(trials[1], State.COMPLETE, 0.75)
    search.finish(trials[2], State.PRUNED)
    search.finish(trials[3], State.FAILED)
    return search


def _grant(folder: StudyFolder, pid: int) -> FileLease:
    lease = FileLease(folder.lease, "token", pid, platform.node())
    lease.grant()
    return lease


def _trials(study: SearchStudy, folder: StudyFolder) -> Any:
    return read_status(study, folder).as_json()["trials"]


def test_status_is_plain_json_with_the_documented_keys(
    study: SearchStudy, folder: StudyFolder
) -> None:
    status = json.loads(json.dumps(read_status(study, folder).as_json(), allow_nan=False))
    assert list(status) == [
        *("study", "state", "complete", "validation", "changed_at", "trials", "best", "refit"),
        *("selection", "confirm", "fingerprint", "disturbances", "differences"),
        *("record", "test", "mlflow", "cost", "disk"),
    ]
    assert status["study"] == "small"
    assert status["complete"] is False
    assert status["best"] == {
        "number": 1,
        "value": 0.75,
        "params": {"reg": 0.1},
        "net_sha256": "net 1",
    }
    assert status["fingerprint"] == fingerprint(study.records())
    assert status["disturbances"] == {"ended_by_machine": [], "retries": []}
    assert status["test"] == {"looks": [], "evaluations": [], "problems": []}
    assert status["mlflow"] is None
    assert status["selection"] is None
    assert status["confirm"] == {"due": 0, "trials": []}


def test_differences_between_the_versions_of_finished_trials_are_listed(
    study: SearchStudy, folder: StudyFolder
) -> None:
    assert read_status(study, folder).as_json()["differences"] == [
        "trials 0-1 ran with numba 0.62.0, trials 2-3 with 0.63.1; results may differ in last bits"
    ]


def test_trials_are_counted_by_state_and_add_up(study: SearchStudy, folder: StudyFolder) -> None:
    _grant(folder, os.getpid())
    assert _trials(study, folder) == {
        "total": 8,
        "complete": 2,
        "pruned": 1,
        "failed": 1,
        "running": 1,
        "waiting": 3,
        "interrupted": 0,
    }


@pytest.mark.parametrize("how", ["dead", "revoked", "never there"])
def test_a_trial_without_a_coordinator_waits(
    how: str, study: SearchStudy, folder: StudyFolder
) -> None:
    if how == "dead":
        _grant(folder, 2**22 + 1)  # above the kernel's highest process id
    elif how == "revoked":
        _grant(folder, os.getpid()).revoke()
    counts = _trials(study, folder)
    assert (counts["running"], counts["waiting"], counts["interrupted"]) == (0, 4, 1)


def test_a_study_of_no_trials_yet_has_no_best(
    define: Callable[..., StudyDefinition], folder: StudyFolder
) -> None:
    storage = open_storage(None, folder.journal)
    search = create_or_continue_study(define(), storage, data_checksum="data")
    status = read_status(search, folder).as_json()
    assert status["best"] is None
    assert status["trials"]["waiting"] == 8
    assert not any(status["cost"].values())


def test_a_study_that_has_more_trials_than_it_shall_have_is_complete(
    study: SearchStudy, define: Callable[..., StudyDefinition], folder: StudyFolder
) -> None:
    study.optuna_study.tell(4, 0.1)
    status = read_status(SearchStudy(define(trials=2), study.optuna_study), folder).as_json()
    assert status["complete"] is True
    assert (status["trials"]["total"], status["trials"]["waiting"]) == (5, 0)


def test_cost_is_in_core_seconds_of_all_sessions(
    study: SearchStudy, define: Callable[..., StudyDefinition], folder: StudyFolder
) -> None:
    study.note(
        SESSIONS,
        {
            "a": {"n_jobs": 2, "wall_s": 15.0, "waited_for_lag_s": 1.5},
            "b": {"n_jobs": 4, "wall_s": 5.0, "waited_for_lag_s": 0.5},
        },
    )
    note_confirmation(study, Confirmation(1, 1, State.COMPLETE, 0.7, "net", 3.0, None))
    note_refit(study, Refit(1, State.COMPLETE, "net", 1.0, None))
    expected = {"training": 34.0, "pruned": 4.0, "confirm": 3.0, "waited_for_lag": 2.0}
    expected["refit"] = 1.0
    share = {"waited_for_lag_share": 0.04}  # 2 of 2 * 15 + 4 * 5 core-seconds
    rest = {"overhead": 12.0}
    assert read_status(study, folder).as_json()["cost"] == expected | share | rest
    threaded = SearchStudy(define(threads_per_trial=2), study.optuna_study)
    doubled = {k: 2 * v for k, v in expected.items()}
    rest = {"overhead": 24.0}
    assert read_status(threaded, folder).as_json()["cost"] == doubled | share | rest


def test_overhead_of_a_running_study_never_shrinks_when_a_trial_ends(
    study: SearchStudy, folder: StudyFolder
) -> None:
    """The time that running trials have taken is training, before it is recorded as such."""
    lease = _grant(folder, os.getpid())

    def overhead(wall_s: float, in_flight_s: float) -> float:
        session = {"n_jobs": 2, "wall_s": wall_s, "waited_for_lag_s": 0.0}
        study.note(SESSIONS, {lease.token: session | {"in_flight_s": in_flight_s}})
        return float(read_status(study, folder).as_json()["cost"]["overhead"])

    before = overhead(30.0, 20.0)
    assert before == 60 - 34 - 20
    trial = study.optuna_study._storage.get_all_trials(study.optuna_study._study_id)[4]
    study.optuna_study._storage.set_trial_user_attr(trial._trial_id, "duration_s", 20.5)
    study.optuna_study.tell(4, 0.5)
    assert overhead(31.0, 0.0) >= before


def test_epochs_of_interrupted_trials_are_training_not_overhead(
    study: SearchStudy, folder: StudyFolder
) -> None:
    study.note(SESSIONS, {"a": {"n_jobs": 2, "wall_s": 30.0, "waited_for_lag_s": 0.0}})
    before = read_status(study, folder).as_json()["cost"]["overhead"]
    folder.trial(4).mkdir(parents=True)
    save_history(folder.trial(4) / HISTORY_FILE, [Epoch(1, 0.5, 6.5, 0.0, {})])
    assert read_status(study, folder).as_json()["cost"]["overhead"] == before - 6.5


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((8, 2, 1, 1, 1, 3, 1), "1 pruned, 1 failed, 1 running, 1 interrupted, 2 not started"),
        ((8, 8, 0, 0, 0, 0, 0), "8 of 8 trials complete"),
    ],
)
def test_counts_name_the_states_of_trials(counts: tuple[int, ...], text: str) -> None:
    assert TrialCounts(*counts).describe().endswith(text)


def test_disk_use_is_counted_whatever_lies_in_the_folder(
    study: SearchStudy, folder: StudyFolder
) -> None:
    before = read_status(study, folder).as_json()["disk"]
    assert before == {
        "total": sum(path.stat().st_size for path in folder.root.glob("optuna.journal*")),
        "checkpoints": 0,
        "n_checkpoints": 0,
    }
    for number, size in ((0, 1000), (1, 500)):
        folder.trial(number).mkdir(parents=True)
        (folder.trial(number) / CHECKPOINT_FILE).write_bytes(bytes(size))
    (folder.trial(0) / "history.json").write_bytes(bytes(30))
    after = read_status(study, folder).as_json()["disk"]
    assert after["total"] == before["total"] + 1530
    assert (after["checkpoints"], after["n_checkpoints"]) == (1500, 2)


def test_the_verdict_is_told_and_confirmations_to_come_keep_a_study_from_completion(
    study: SearchStudy, define: Callable[..., StudyDefinition], folder: StudyFolder
) -> None:
    study.optuna_study.tell(4, 0.1)
    ended = SearchStudy(define(trials=5, confirm={"top": 1, "seeds": 2}), study.optuna_study)
    note_confirmation(ended, Confirmation(1, 1, State.COMPLETE, 0.7, "net", 3.0, None))
    note_selection(ended, Selection(1, 0.75, 3))
    status = json.loads(json.dumps(read_status(ended, folder).as_json(), allow_nan=False))
    assert status["complete"] is False
    assert status["confirm"]["due"] == 1
    assert status["selection"]["number"] == 1
    assert status["selection"]["estimate"] is None
    note_confirmation(ended, Confirmation(1, 2, State.COMPLETE, 0.8, "net", 3.0, None))
    status = read_status(ended, folder).as_json()
    assert status["complete"] is True
    (one,) = status["confirm"]["trials"]
    assert (one["number"], one["val_scores"], one["n_lost"]) == (1, (0.7, 0.8), 0)
    assert (one["mean"], one["spread"]) == pytest.approx((0.75, 0.0707), abs=1e-4)
    assert status["trials"] == read_status(study, folder).as_json()["trials"] | {
        "total": 5,
        "waiting": 0,
    }


def test_evaluations_and_mlflows_address_are_told(study: SearchStudy, folder: StudyFolder) -> None:
    address = {"experiment_id": "1", "run_id": "ab"}
    study.note(MLFLOW_ADDRESS, address)
    begun = {"test_sha256": "cd", "net_sha256": "ab"}
    add_event(study, folder.test_ledger, "begun", begun)
    scores = {"accuracy": 0.5, "accuracy_first_1000": 0.5}
    score = {"n": 100, "unit": "images", "scores": scores, "low": 0.4, "high": 0.6}
    add_event(study, folder.test_ledger, "scored", begun | score)
    status = read_status(study, folder).as_json()
    look = {
        "net_sha256": "ab",
        "n": 100,
        **scores,
        "low": 0.4,
        "high": 0.6,
        "text": "test_accuracy 0.5000 (95 % CI 0.400-0.600) on 100 images",
    }
    count = {
        "evaluation": 1,
        "evaluations": 1,
        "studies": ["small"],
        "note": "1st evaluation of these 100 images in this workspace: small",
    }
    assert status["test"] == {"looks": [look], "evaluations": [look | count], "problems": []}
    assert status["mlflow"] == address
