"""A split and a setting small enough to train in milliseconds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import PreparedData, Splits, open_splits
from hpsearch.trainers.two_layer_net import Hyperparameters, OptimizerState
from hpsearch.trainers.two_layer_net.basis import Basis
from hpsearch.trainers.two_layer_net.derived import derive_arrays
from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.sgd import EpochResult, GradientDescent
from hpsearch.trainers.two_layer_net.split import Split, make_split
from hpsearch.trainers.two_layer_net.start import make_net
from tests.trainers.two_layer_net.toys import make_plan

Derive = Callable[..., Split]


def train(
    net: Parameters,
    split: Split,
    setting: Hyperparameters,
    rng: np.random.Generator,
    *,
    memory: OptimizerState | None = None,
    after: int = 0,
    until: int | None = None,
) -> list[EpochResult]:
    """Train `net` in place from the epoch that follows `after` to `until`, or to the last one.

    Ends where training diverges.
    """
    descent = GradientDescent(net, split, setting, rng, {} if memory is None else memory)
    results: list[EpochResult] = []
    for number in range(after + 1, (until or setting.epochs) + 1):
        results.append(descent.train_epoch(number))
        if results[-1].diverged:
            break
    return results


@pytest.fixture(scope="session")
def splits(digits: PreparedData) -> Splits:
    """Training and validation digits, as pixels."""
    return open_splits(digits)


@pytest.fixture(scope="session")
def split(digits: PreparedData, splits: Splits) -> Split:
    return make_split(digits.schema, splits.derived, splits.train, splits.train_targets)


@pytest.fixture(scope="session")
def derive(digits: PreparedData, splits: Splits) -> Derive:
    """Prepare the same digits for an input transform, or for augmentation."""

    def make(basis: Basis | None = None, *, is_augmentable: bool = False) -> Split:
        plan, y = make_plan(basis, is_augmentable=is_augmentable), splits.train_targets
        derived = derive_arrays(plan, digits.schema, splits.train, y)
        rows = derived.pop("X", splits.train)
        rows.flags.writeable = False  # like memory-mapped ones
        return make_split(digits.schema, derived, rows, y)

    return make


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
