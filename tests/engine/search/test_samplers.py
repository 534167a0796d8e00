from collections.abc import Callable

import numpy as np
import pytest
from optuna.samplers import TPESampler
from scipy.stats import qmc

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.search.samplers import check_sampler
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.random_streams import Stream, seed_stream

GRID = {
    "learning_rate": {"choices": [0.01, 0.1]},
    "reg": {"choices": [0.0, 1e-3, 1e-2]},
    "hidden_size": 8,
    "epochs": 3,
}


def test_the_grid_visits_each_cell_once(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    definition = define(sampler="grid", trials=6, lag=1, space=GRID)
    settings = [record.hyperparameters for record in simulate(definition).records()]
    assert len({(s["learning_rate"], s["reg"]) for s in settings}) == 6


def test_qmc_walks_scipys_scrambled_sequence_by_the_trials_number(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    space = {
        "learning_rate": {"low": 0.0001, "high": 1.0},
        "reg": {"low": 0.0, "high": 1.0},
        "hidden_size": 8,
        "epochs": 3,
    }
    definition = define(sampler="qmc", trials=8, space=space)
    drawn = [record.hyperparameters["reg"] for record in simulate(definition).records()]
    seed = int(seed_stream(definition.seed, Stream.QMC_SCRAMBLING).generate_state(1)[0])
    points = qmc.Sobol(2, seed=seed, scramble=True).random(8)
    assert np.allclose(sorted(drawn), sorted(points[:, 1]))
    assert len(set(drawn)) == 8


def test_tpe_proposes_the_same_as_optunas(
    define: Callable[..., StudyDefinition],
    simulate: Callable[..., SearchStudy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = {
        "learning_rate": {"low": 0.001, "high": 1.0, "log": True},
        "reg": {"choices": [0.1]},
        "hidden_size": {"low": 4, "high": 9},
        "epochs": {"choices": [2, 3]},
    }
    sampler = {"name": "tpe", "n_startup_trials": 3}
    definition = define(sampler=sampler, trials=14, lag=2, space=space)
    ours = simulate(definition)
    monkeypatch.setattr(
        "hpsearch.engine.search.samplers._SpacedTpeSampler",
        lambda space, seed, n: TPESampler(seed=seed, n_startup_trials=n),
    )
    assert fingerprint(ours.records()) == fingerprint(simulate(definition).records())


def test_first_settings_are_taken_by_the_first_trials(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    first = [{"learning_rate": 0.05, "hidden_size": 7}, {"epochs": 4}]
    records = simulate(define(first=first)).records()
    assert records[0].hyperparameters["learning_rate"] == 0.05
    assert records[0].hyperparameters["hidden_size"] == 7
    assert records[1].hyperparameters["epochs"] == 4


def test_a_missing_extra_is_named(
    define: Callable[..., StudyDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"'gp' needs the package torch: .*hpsearch\[gp\]"):
        check_sampler(define(sampler="gp"))
