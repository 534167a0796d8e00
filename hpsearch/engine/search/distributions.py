"""The search space as Optuna's distributions."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from hpsearch.engine.definition import Choices, Range, SearchSpace

__all__ = ["list_ablations", "make_distributions", "suggest_hyperparameters"]


def make_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return one Optuna distribution for each hyperparameter that is searched."""
    return {name: _make_distribution(parameter) for name, parameter in space.searched().items()}


def suggest_hyperparameters(trial: Trial, space: SearchSpace) -> dict[str, Any]:
    """All hyperparameters of `trial`: fixed ones, and those that its sampler suggests."""
    chosen = space.fixed() | {
        name: _suggest(trial, name, parameter) for name, parameter in space.searched().items()
    }
    return {name: chosen[name] for name in space}


def list_ablations(space: SearchSpace) -> list[dict[str, Any]]:
    """List the settings of an ablation: all first choices, then each other choice by itself."""
    choices = {name: s.choices for name, s in space.searched().items() if isinstance(s, Choices)}
    whole = {name: values[0] for name, values in choices.items()}
    return [whole] + [
        whole | {name: value} for name, values in choices.items() for value in values[1:]
    ]


def _make_distribution(parameter: Range[Any] | Choices[Any]) -> BaseDistribution:
    if isinstance(parameter, Choices):
        return CategoricalDistribution(parameter.choices)
    if isinstance(parameter.low, int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _suggest(trial: Trial, name: str, parameter: Range[Any] | Choices[Any]) -> Any:
    if isinstance(parameter, Choices):
        return trial.suggest_categorical(name, parameter.choices)
    suggest = trial.suggest_int if isinstance(parameter.low, int) else trial.suggest_float
    return suggest(name, parameter.low, parameter.high, log=parameter.log)
