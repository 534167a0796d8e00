"""The search space in Optuna's terms."""

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from hpsearch.definition import Choices, Range, SearchSpace

__all__ = ["make_distributions", "suggest_hyperparameters"]


def make_distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """One Optuna distribution for each hyperparameter that is searched."""
    return {name: _make_distribution(parameter) for name, parameter in space.searched().items()}


def suggest_hyperparameters(trial: Trial, space: SearchSpace) -> dict[str, Any]:
    """All hyperparameters of `trial`: the fixed ones, and the rest as its sampler says."""
    return space.fixed() | {
        name: _suggest(trial, name, parameter) for name, parameter in space.searched().items()
    }


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
