"""A study from Python: run, load, its trials as a table, and what a notebook shows of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import hpsearch
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import UsageError


@pytest.fixture
def options(workspace: Workspace) -> hpsearch.RunOptions:
    return hpsearch.RunOptions(workspace, n_jobs=1, backend="threading")


def test_a_study_is_run_from_python_and_found_again(
    define: Callable[..., StudyDefinition],
    options: hpsearch.RunOptions,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = hpsearch.run_study(define(trials=3, name="a-b"), options, quiet=True)
    assert "test_accuracy" in capsys.readouterr().out
    status = study.status()
    assert status["complete"]
    again = hpsearch.load_study("a-b", options)
    assert again.status()["fingerprint"] == status["fingerprint"]

    trials = again.trials()
    assert list(trials.index) == [0, 1, 2]
    assert {"state", "val_accuracy", "learning_rate", "duration_s"} <= set(trials.columns)
    assert trials.val_accuracy.max() == status["best"]["value"]
    curves = again.curves()
    assert list(curves.columns) == [0, 1, 2]
    assert curves.index[0] == 1
    assert curves[0].dropna().iloc[-1] == trials.val_accuracy[0]

    net = again.best_model()
    assert net.sha256() == status["best"]["net_sha256"]
    assert net.predict(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2,)
    assert "data:image/png;base64," in net._repr_html_()
    shown = again._repr_html_()
    for word in ("a-b", "complete", "test_accuracy", "<table", "learning_rate"):
        assert word in shown


def test_a_study_shows_complete_trials_only_as_its_best(
    define: Callable[..., StudyDefinition], options: hpsearch.RunOptions
) -> None:
    from hpsearch.engine.search import create_or_continue_study, open_storage

    folder = options.workspace.study("small")
    folder.create()
    storage = open_storage(None, folder.journal)
    search = create_or_continue_study(define(), storage, data_checksum="data")
    for state, accuracy in ((State.COMPLETE, 0.25), (State.PRUNED, 0.75)):
        trial = search.ask()
        trial.report(accuracy, 1)
        search.finish(trial, state, accuracy if state == State.COMPLETE else None)
    study = hpsearch.load_study("small", options)
    assert list(study.trials().val_accuracy) == [0.25, 0.75]
    shown = study._repr_html_()
    assert "0.25" in shown
    assert "0.75" not in shown


def test_a_study_without_trials_has_an_empty_table_and_no_net(
    define: Callable[..., StudyDefinition], options: hpsearch.RunOptions
) -> None:
    from hpsearch.engine.search import create_or_continue_study, open_storage

    folder = options.workspace.study("small")
    folder.create()
    storage = open_storage(None, folder.journal)
    create_or_continue_study(define(), storage, data_checksum="data")
    study = hpsearch.load_study("small", options)
    assert isinstance(study.trials(), pd.DataFrame)
    assert study.trials().empty
    assert {"state", "val_accuracy", "learning_rate", "ended_at"} <= set(study.trials().columns)
    assert "small" in study._repr_html_()
    with pytest.raises(UsageError, match="no trial is complete yet"):
        study.best_model()


def test_a_misspelt_study_is_answered_with_the_nearest(
    options: hpsearch.RunOptions,
) -> None:
    with pytest.raises(UsageError, match="did you mean 'quickstart'"):
        hpsearch.run_study("quikstart", options)


def test_a_study_runs_in_a_thread_and_where_the_environment_says(
    define: Callable[..., StudyDefinition], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("HPSEARCH_BACKEND", "threading")
    for name in ("HPSEARCH_STORAGE", "HPSEARCH_DATA_DIR"):
        monkeypatch.setenv(name, "")  # as good as none
    with ThreadPoolExecutor(1) as pool:
        study = pool.submit(hpsearch.run_study, define(trials=1), quiet=True).result()
    assert study.status()["complete"]
    assert study.options.backend == "threading"
    assert workspace.recorded_names() == ["small"]
