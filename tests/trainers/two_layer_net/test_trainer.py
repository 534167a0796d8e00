"""Training and prediction by the two-layer net's trainer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import PreparedData, Splits
from hpsearch.trainers import TrainingData
from hpsearch.trainers.two_layer_net import score
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

Begin = Callable[..., TwoLayerNetTrainer]


@pytest.fixture
def begin(digits: PreparedData, splits: Splits, setting: Any) -> Begin:
    """A trainer after its first epochs."""

    def make(n_epochs: int = 2, **changes: Any) -> TwoLayerNetTrainer:
        rng, one = np.random.default_rng(0), setting(**changes)
        trainer = TwoLayerNetTrainer(one.model_dump(), digits.schema, rng)
        trainer.prepared = splits.derived
        for epoch in range(1, n_epochs + 1):
            trainer.train_epoch(TrainingData(splits.train, splits.train_targets, epoch))
        return trainer

    return make


def test_inputs_of_the_validation_examples_are_made_once(
    begin: Begin, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the same array after each epoch; other arrays have inputs of their own."""
    applied_to = []
    apply = Preprocessing.apply

    def count(preprocessing: Preprocessing, images: Any) -> Any:
        applied_to.append(images)
        return apply(preprocessing, images)

    monkeypatch.setattr(Preprocessing, "apply", count)
    trainer = begin(learning_rate=0.2)
    first = trainer.predict(splits.validation)
    trainer.train_epoch(TrainingData(splits.train, splits.train_targets, 3))
    second = trainer.predict(splits.validation)
    assert len(applied_to) == 1
    assert not np.array_equal(first, second)
    others = splits.validation[::-1]
    np.testing.assert_allclose(trainer.predict(others), second[::-1], rtol=1e-5, atol=1e-5)
    assert len(applied_to) == 2


def test_it_predicts_the_scores_of_its_net(begin: Begin, split: Split, splits: Splits) -> None:
    trainer = begin(learning_rate=0.2, epochs=5, n_epochs=5)
    net = trainer.model_state_dict()
    inputs = split.preprocessing.apply(splits.validation)
    np.testing.assert_array_equal(trainer.predict(splits.validation), score(net, inputs))
    predicted = trainer.predict(splits.validation).argmax(axis=1)
    assert np.mean(predicted == splits.validation_targets) > 0.5


def test_an_epoch_reports_its_losses_its_accuracy_and_its_rate(
    begin: Begin, splits: Splits
) -> None:
    trainer = begin(n_epochs=1)
    metrics = trainer.train_epoch(TrainingData(splits.train, splits.train_targets, 2))
    assert metrics.keys() == {"train_loss", "train_accuracy", "learning_rate", "iteration_loss"}
    assert len(metrics["iteration_loss"]) == 10
    assert metrics["train_loss"] == pytest.approx(np.mean(metrics["iteration_loss"]))
    assert metrics["learning_rate"] == pytest.approx(0.02 * 0.9)
    assert 0 <= metrics["train_accuracy"] <= 1
