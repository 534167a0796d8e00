"""The lag rule: trial k depends on the finished trials up to k - lag, and on nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.search import SearchStudy

SAMPLERS: dict[str, Any] = {
    "tpe": {"name": "tpe", "n_startup_trials": 3},
    "random": "random",
    "qmc": "qmc",
    "cmaes": "cmaes",
    "grid": "grid",
    "ablation": "ablation",
}
PRUNERS: dict[str, Any] = {
    "none": "none",
    "median": {"name": "median", "n_startup_trials": 2},
    "percentile": {"name": "percentile", "percentile": 40.0, "n_startup_trials": 2},
    "successive_halving": {"name": "successive_halving", "reduction_factor": 2},
    "hyperband": "hyperband",
    "patient": {"name": "patient", "patience": 1},
    "patient median": {
        "name": "patient",
        "patience": 1,
        "wrapped": {"name": "median", "n_startup_trials": 2},
    },
}
GRID = {
    "learning_rate": {"choices": [0.003, 0.01, 0.03, 0.1]},
    "reg": {"choices": [1e-4, 1e-3, 1e-2, 1e-1]},
    "hidden_size": 8,
    "epochs": 9,
}
LONGER = {"epochs": {"low": 6, "high": 12}}


def _definition(
    define: Callable[..., StudyDefinition], sampler: str, pruner: str
) -> StudyDefinition:
    return define(
        trials=16,
        lag=4,
        sampler=SAMPLERS[sampler],
        pruner=PRUNERS[pruner],
        space=GRID if sampler in ("grid", "ablation") else LONGER,
    )


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_workers_their_order_and_interruptions_change_nothing(
    sampler: str,
    pruner: str,
    define: Callable[..., StudyDefinition],
    simulate: Callable[..., SearchStudy],
) -> None:
    definition = _definition(define, sampler, pruner)
    alone = fingerprint(simulate(definition).records())
    for n_workers in (2, 4):
        search = simulate(definition, n_workers=n_workers, seed=n_workers, releases=0.2)
        assert fingerprint(search.records()) == alone


@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband", "patient"])
def test_pruners_do_prune(
    pruner: str, define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    """Otherwise the test above would pass for pruners that never prune."""
    records = simulate(_definition(define, "random", pruner)).records()
    assert {record.state for record in records} >= {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_trial_learns_from_those_it_may_know_and_from_no_others(
    sampler: str, define: Callable[..., StudyDefinition], simulate: Any
) -> None:
    """One trial is the best of all in one study, and the worst of all in the other."""
    definition = _definition(define, sampler, "none")
    changed = 8
    simulate.tilts[changed] = 0.3
    best = simulate(definition).records()
    simulate.tilts[changed] = -0.3
    worst = simulate(definition).records()
    same = [a.hyperparameters == b.hyperparameters for a, b in zip(best, worst, strict=True)]
    assert all(same[: changed + definition.lag])
    assert not all(same[changed + definition.lag :])


def test_seeds_matter(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    prints = {fingerprint(simulate(define(seed=seed)).records()) for seed in (0, 1, 2)}
    assert len(prints) == 3


def test_a_longer_study_begins_with_the_shorter_one(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    short = simulate(define(trials=6)).records()
    long = simulate(define(trials=12)).records()
    assert fingerprint(long[:6]) == fingerprint(short)


def test_storages_hold_the_same_study(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy], tmp_path: Any
) -> None:
    journal = simulate(define(), n_workers=2)
    database = simulate(define(), n_workers=2, url=f"sqlite:///{tmp_path}/a.db")
    assert fingerprint(journal.records()) == fingerprint(database.records())
