"""The record shown in a real MLflow store, however the showing went wrong before."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.api.publishing.mlflow_publisher import MlflowPublisher, tracking_store
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.engine.scheduling import Event, RunOptions, open_session
from hpsearch.engine.search import SearchStudy, load_study, open_storage
from hpsearch.engine.selection import describe_verdict, measure_verdict, read_verdict
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.engine.workspace import Workspace

PRUNING = {"name": "median", "n_startup_trials": 1}
PICTURES = {"iterations.csv", "learning_curves.png", "weights.png"}
STATUS = {State.COMPLETE: "FINISHED", State.PRUNED: "FINISHED", State.FAILED: "FAILED"}


def _assert_level(workspace: Workspace, records: list[TrialRecord]) -> None:
    """For every trial exactly one run that says what the record says."""
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    trials = {run.data.tags.get("hpsearch.trial"): run for run in runs}
    assert len(runs) == len(trials) == len(records) + 1
    for record in records:
        run = trials[str(record.number)]
        history = load_history(workspace.study("small").trial(record.number) / HISTORY_FILE)
        points = client.get_metric_history(run.info.run_id, "val_accuracy")
        assert run.info.status == STATUS[record.state]
        assert run.data.params == {k: str(v) for k, v in record.hyperparameters.items()}
        assert [(p.step, p.value) for p in points] == [(e.number, e.val_score) for e in history]
        pictures = {item.path for item in client.list_artifacts(run.info.run_id)}
        assert pictures == (PICTURES if record is best_of(records) else set())
    parent = trials[None]
    assert parent.info.status == "FINISHED"
    assert {item.path for item in client.list_artifacts(parent.info.run_id)} >= {
        "report.html",
        "trials.csv",
    }
    assert parent.data.tags["test_evaluations"] == "1"
    assert "test_evaluations" not in parent.data.metrics
    # As a wiped store is filled from the record, it shows what the record says of the winner.
    verdict = read_verdict(
        load_study("small", open_storage(None, workspace.study("small").journal))
    )
    assert verdict.selection
    metrics = measure_verdict(verdict)
    assert metrics
    assert metrics.items() <= parent.data.metrics.items()
    for line in describe_verdict(verdict):
        assert line in parent.data.tags["mlflow.note.content"]
    assert client.get_model_version_by_alias("small", "best")


def _reconcile(definition: StudyDefinition, workspace: Workspace) -> None:
    options = RunOptions(workspace)
    with open_session(definition, options) as session:
        publisher = MlflowPublisher(session, tracking_store(options))
        publisher.catch_up(everything=True)
        from hpsearch.engine.selection import find_best_model

        net = find_best_model(definition, session.search.records(), session.folder, session.data)
        publisher.show_study("FINISHED", net)
        assert publisher.close(120), publisher.failure


def test_a_study_is_shown_as_recorded(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
) -> None:
    conduct(define(pruner=PRUNING, trials=5), shown=True)
    conduct(define(pruner=PRUNING, confirm={"top": 2}), shown=True)
    _assert_level(workspace, recorded(workspace).records())


def test_what_was_not_shown_is_shown_by_the_next_run_and_by_reconcile(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
    migrated_mlflow: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    definition = define(trials=4)
    conduct(definition)  # in the dark
    monkeypatch.undo()
    conduct(definition, shown=True)
    _assert_level(workspace, recorded(workspace).records())

    workspace.mlflow_db.write_bytes(migrated_mlflow.read_bytes())  # wiped
    _reconcile(definition, workspace)
    _assert_level(workspace, recorded(workspace).records())


def test_runs_deleted_between_two_synchronizations_are_restored(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
) -> None:
    """No request fails that would tell; what an earlier look has seen is not to be trusted."""
    definition = define(trials=3)
    conduct(definition, shown=True)
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    with open_session(definition, RunOptions(workspace)) as session:
        publisher = MlflowPublisher(session, tracking_store(RunOptions(workspace)))
        publisher.catch_up()  # sees that all is there
        for _ in range(600):
            if publisher.address:
                break
            time.sleep(0.1)
        for run in client.search_runs([experiment.experiment_id]):
            if "hpsearch.trial" in run.data.tags:
                client.delete_run(run.info.run_id)
        publisher.catch_up()
        publisher.show_study("FINISHED")
        assert publisher.close(120), publisher.failure
    _assert_level(workspace, recorded(workspace).records())


def test_a_running_trial_is_not_shown_before_it_is_some_seconds_old(
    define: Callable[..., StudyDefinition], workspace: Workspace
) -> None:
    """What ends within seconds costs MLflow's requests once, not twice."""
    options, now = RunOptions(workspace), datetime.now().astimezone()
    rest = (None, {}, (), None, None, False, None, {}, None, None)
    with open_session(define(), options) as session:
        publisher = MlflowPublisher(session, tracking_store(options))
        for number, age_s in ((0, 0.0), (1, 60.0)):
            started_at = now - timedelta(seconds=age_s)
            record = replace(TrialRecord(number, State.RUNNING, *rest), started_at=started_at)
            publisher.show_running(record, ())
        assert publisher.close(120), publisher.failure
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.data.tags.get("hpsearch.trial") for run in runs} == {None, "1"}
