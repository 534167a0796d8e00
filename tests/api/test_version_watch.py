"""Other versions than those of earlier trials are reported, at the start and as trials end."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.scheduling import Event, TrialEnded, VersionsCompared
from hpsearch.engine.scheduling.record_warnings import VersionWatch
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.training.trial_failures import read_versions
from hpsearch.engine.workspace import Workspace
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have coordinator or workers see other versions, one worker after the other."""

    def change(place: str, *changes: dict[str, str]) -> None:
        answers = [read_versions(TwoLayerNetTrainer) | one for one in changes]
        monkeypatch.setattr(
            place, lambda trainer: answers.pop(0) if len(answers) > 1 else answers[0]
        )

    return change


HERE = "hpsearch.api.run.read_versions"
WORKER = "hpsearch.engine.training.worker.read_versions"


def _lines(events: list[Event]) -> list[str]:
    return [line for one in events if isinstance(one, VersionsCompared) for line in one.differences]


def test_a_run_with_equal_versions_reports_nothing(conduct: Conduct, define: Define) -> None:
    assert not _lines(conduct(define(trials=2), n_jobs=1))
    assert not _lines(conduct(define(trials=3), n_jobs=1))


def test_a_resumed_run_names_what_differs_before_its_first_trial(
    conduct: Conduct, define: Define, pretend: Callable[..., None]
) -> None:
    conduct(define(trials=2))
    pretend(HERE, {"numba": "0.99.0"})
    pretend(WORKER, {"numba": "0.99.0"})
    events = conduct(define(trials=4))
    numba = read_versions(TwoLayerNetTrainer)["numba"]
    assert _lines(events) == [
        f"trials 0-1 ran with numba {numba}, this run has 0.99.0; results may differ in last bits"
    ]
    kinds = [type(event) for event in events]
    assert kinds.index(VersionsCompared) < kinds.index(TrialEnded)


def test_a_complete_study_compares_nothing(
    conduct: Conduct, define: Define, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor imports numba for it."""
    conduct(define(trials=1))

    def fail(trainer: object) -> Any:
        raise AssertionError("it read them")

    monkeypatch.setattr(HERE, fail)
    conduct(define(trials=1))


def test_a_first_trial_that_was_continued_with_other_versions_is_reported(
    workspace: Workspace, recorded: Callable[..., SearchStudy], conduct: Conduct, define: Define
) -> None:
    conduct(define(trials=1))
    (record,) = recorded(workspace).records()
    watch = VersionWatch([])
    both = dataclasses.replace(record, versions={"numba": "0.62.0 -> 0.63.1", "numpy": "2.4.6"})
    assert watch.add(both) == [
        "trial 0 ran with numba 0.62.0, trial 0 with 0.63.1; results may differ in last bits"
    ]
    assert watch.add(dataclasses.replace(both, number=1)) == []


def test_confirmations_are_compared_with_the_trials(
    conduct: Conduct, define: Define, pretend: Callable[..., None]
) -> None:
    old, new = {"numba": "0.62.0"}, {"numba": "0.63.1"}
    pretend(WORKER, old, old, new, new)
    events = conduct(define(trials=2, pruner="none", confirm={"top": 1, "seeds": 2}), n_jobs=1)
    assert _lines(events) == [
        "trials 0-1 ran with numba 0.62.0, this run has 0.63.1; results may differ in last bits"
    ]


def test_workers_of_one_run_are_compared_each_difference_once(
    conduct: Conduct,
    define: Define,
    pretend: Callable[..., None],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
) -> None:
    """On a cluster of different machines."""
    old, new = {"numba": "0.62.0"}, {"numba": "0.63.1"}
    pretend(WORKER, old, old, new, old, new)
    events = conduct(define(trials=5, pruner="none"), n_jobs=1)
    assert _lines(events) == [
        "trials 0-1 ran with numba 0.62.0, trial 2 with 0.63.1; results may differ in last bits"
    ]
    records = recorded(workspace).records()
    seen = [one.versions["numba"] for one in records]
    assert seen == ["0.62.0", "0.62.0", "0.63.1", "0.62.0", "0.63.1"]
    assert {one.state for one in records} == {State.COMPLETE}
