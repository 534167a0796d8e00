from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from hpsearch import Objective
from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer


def test_the_objective_works_with_plain_optuna(
    define: Callable[..., StudyDefinition], digits: PreparedData, tmp_path: Path
) -> None:
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1),
    )
    study.optimize(Objective(define(), digits, tmp_path), n_trials=6)
    states = {trial.state.name for trial in study.trials}
    assert states == {"COMPLETE", "PRUNED"}
    assert study.best_trial.user_attrs["net_sha256"]
    assert study.best_value == list(study.best_trial.intermediate_values.values())[-1]


def test_optuna_records_a_failing_trial(
    define: Callable[..., StudyDefinition],
    digits: PreparedData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise FloatingPointError("broken")

    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", fail)
    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(define(), digits, tmp_path), n_trials=1, catch=RuntimeError)
    assert study.trials[0].state.name == "FAIL"
    assert study.trials[0].user_attrs["reason"] == "FloatingPointError: broken"
