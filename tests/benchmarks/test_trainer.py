"""The steps that are compared do train; programs take turns."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import basis, trainer
from benchmarks.cores import call_on_cores
from benchmarks.images import open_split
from benchmarks.peers import PEERS, make_plain_step
from benchmarks.rounds import time_in_turns
from hpsearch.datasets import PreparedData
from hpsearch.trainers.two_layer_net import Hyperparameters


def test_programs_take_turns_and_warm_up_uncounted() -> None:
    called: list[str] = []
    programs = {name: (lambda name=name: called.append(name)) for name in "ab"}
    seconds = time_in_turns(programs, n_rounds=2, n_calls=2, n_warm=1)
    assert called == list("aaabbb" * 2)
    assert seconds.keys() == {"a", "b"}
    assert all(value >= 0 for value in seconds.values())


def test_all_programs_have_the_same_number_of_cores() -> None:
    before = os.sched_getaffinity(0)
    assert len(call_on_cores(1, os.sched_getaffinity, 0)) == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(ValueError, match="expected 1 to"):
        call_on_cores(len(before) + 1, os.getpid)


@pytest.mark.parametrize("name", ["plain loop", *PEERS])
def test_every_peer_reduces_its_loss(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12)).astype(np.float32)
    y = X[:, :10].argmax(axis=1)
    make = PEERS.get(name, make_plain_step)
    step = make(X, y, 5, 20)
    losses = [float(step()) for _ in range(600)]  # type: ignore[arg-type]
    assert np.mean(losses[-30:]) < np.mean(losses[:30])


def test_ours_is_the_trainers_own_step(digits: PreparedData) -> None:
    step = trainer.make_step(open_split(digits), 8)
    losses = [step()[0] for _ in range(30)]  # type: ignore[index]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_floor_is_two_products(order: str) -> None:
    hidden, dW1 = trainer.make_floor(7, 3, order)()  # type: ignore[misc]
    assert hidden.shape == (trainer.BATCH_SIZE, 3)
    assert dW1.shape == (7, 3)


def test_nets_are_scored_on_test_images(digits: PreparedData) -> None:
    setting = Hyperparameters(
        learning_rate=0.05,
        learning_rate_decay=0.95,
        reg=1e-4,
        hidden_size=24,
        epochs=10,
        batch_size=50,
        initial_std=0.01,
    )
    assert basis.train_and_score(setting, 0, digits).test_accuracy > 0.7


def test_differences_of_pairs_come_with_an_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.linspace(0.5, 0.52, 24)
    noise = 0.001 * np.tile([1.0, -1.0], 12)
    accuracies = np.column_stack([pixels, *(pixels + 0.01 + noise for _ in basis.BASES)])
    basis.report(accuracies, np.ones_like(accuracies), tmp_path)
    assert "+0.0100" in capsys.readouterr().out
    assert (tmp_path / "basis.png").exists()
