from collections.abc import Callable

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.search.distributions import list_ablations

CHOICES = {"reg": [1e-3], "dropout": [0.1, 0.0], "optimizer": ["nesterov", "sgd", "adam"]}
PLAIN = {"learning_rate": 0.01, "hidden_size": 8, "epochs": 3}
SPACE = {name: {"choices": values} for name, values in CHOICES.items()}


def test_each_choice_is_exchanged_by_itself(define: Callable[..., StudyDefinition]) -> None:
    definition = define(space=PLAIN | SPACE)
    assert list_ablations(definition.search.space) == [
        {"reg": 1e-3, "dropout": 0.1, "optimizer": "nesterov"},
        {"reg": 1e-3, "dropout": 0.0, "optimizer": "nesterov"},
        {"reg": 1e-3, "dropout": 0.1, "optimizer": "sgd"},
        {"reg": 1e-3, "dropout": 0.1, "optimizer": "adam"},
    ]


def test_more_trials_than_settings_repeat_them(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    definition = define(trials=8, sampler="ablation", space=PLAIN | SPACE)
    records = simulate(definition).records()
    told = [{name: record.hyperparameters[name] for name in CHOICES} for record in records]
    assert told == list_ablations(definition.search.space) * 2


def test_a_range_is_refused(define: Callable[..., StudyDefinition]) -> None:
    with pytest.raises(ValueError, match="the ablation sampler needs choices for learning_rate"):
        define(sampler="ablation")
