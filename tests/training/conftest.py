"""A split and a setting small enough to train in milliseconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.data import PreparedData, Split, open_split
from hpsearch.net import Parameters
from hpsearch.training import Hyperparameters, make_net


@pytest.fixture
def split(digits: PreparedData) -> Split:
    return open_split(digits)


@pytest.fixture
def setting() -> Callable[..., Hyperparameters]:
    def make(**changes: Any) -> Hyperparameters:
        base = {
            "learning_rate": 0.02,
            "learning_rate_decay": 0.9,
            "reg": 1e-3,
            "hidden_size": 12,
            "epochs": 5,
            "batch_size": 64,
            "initial_std": 0.01,
        }
        return Hyperparameters(**base | changes)

    return make


@pytest.fixture
def start(split: Split) -> Callable[..., tuple[Parameters, np.random.Generator]]:
    """A fresh net and its generator."""

    def make(setting: Hyperparameters, seed: int = 0) -> tuple[Parameters, np.random.Generator]:
        rng = np.random.default_rng(seed)
        return make_net(split, setting, rng), rng

    return make
