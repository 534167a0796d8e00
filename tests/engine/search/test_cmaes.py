"""CMA-ES continues from the trials alone: nothing in a record is unpickled."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import CmaEsSampler

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.search import SearchStudy, suggest_hyperparameters

Define = Callable[..., StudyDefinition]
Simulate = Callable[..., SearchStudy]
SPACE = {
    "reg": {"low": 1e-5, "high": 1e-2, "log": True},
    "hidden_size": {"low": 4, "high": 64},
    "epochs": 2,
}


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.proof),))


def test_proposals_are_those_of_optunas_own_sampler(
    define: Define, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = define(trials=40, lag=3, sampler="cmaes", space=SPACE)
    ours = simulate(definition)
    generations = {trial.system_attrs.get("cma:generation") for trial in ours.optuna_study.trials}
    assert {1, 2, 3} <= generations
    monkeypatch.setattr(
        "hpsearch.engine.search.samplers.RebuiltCmaEsSampler",
        lambda seed, n: CmaEsSampler(
            seed=seed, n_startup_trials=n, warn_independent_sampling=False
        ),
    )
    monkeypatch.setattr("hpsearch.engine.search.samplers.keep_generation", dict)
    theirs = simulate(definition)
    assert any(
        k.startswith("cma:optimizer") for t in theirs.optuna_study.trials for k in t.system_attrs
    )
    assert fingerprint(ours.records()) == fingerprint(theirs.records())


def test_a_pickle_in_the_record_is_not_loaded(
    define: Define, open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    search = open_study(define(trials=4, lag=1, sampler="cmaes"))
    trial = search.ask()
    payload = pickle.dumps(Payload(tmp_path / "proof"))
    search.optuna_study._storage.set_trial_system_attr(
        trial._trial_id, "cma:optimizer:0", payload.hex()
    )
    search.finish(trial, State.COMPLETE, 0.5)
    assert suggest_hyperparameters(search.ask(), search.definition.search.space)
    assert not (tmp_path / "proof").exists()
    pickle.loads(payload)
    assert (tmp_path / "proof").exists()  # the payload does work


def test_the_record_has_no_pickle(define: Define, simulate: Simulate) -> None:
    trials = simulate(define(trials=12, lag=1, sampler="cmaes")).optuna_study.trials
    assert {key for trial in trials for key in trial.system_attrs} == {"cma:generation"}
