"""Training of one model as the engine sees it, with a trainer small enough to reckon by hand."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hpsearch.datasets import Column, Schema, Splits
from hpsearch.engine.training.fit import Fit
from hpsearch.engine.trial_files import Epoch
from hpsearch.trainers import EpochMetrics, Trainer, TrainingData

NUMBERS = Schema(columns=(Column("x"),))
CLASSES = Schema(columns=(Column("x"),), class_names=("few", "many"))
SPLITS = Splits(
    train=np.array([[1.0], [3.0]]),
    train_targets=np.array([2.0, 6.0]),
    validation=np.array([[0.0], [2.0], [4.0]]),
    validation_targets=np.array([1.0, 2.0, 9.0]),
    derived={"centre": np.array([2.0])},
)


class Constant(Trainer):
    """Predicts a number that each epoch changes by a random step."""

    def __init__(self, hyperparameters: Any, schema: Schema, rng: Any) -> None:
        super().__init__(hyperparameters, schema, rng)
        self.value, self.n_predictions = 0.0, 0
        self.seen: list[TrainingData] = []

    def train_epoch(self, data: TrainingData) -> EpochMetrics:
        self.seen.append(data)
        assert self.rng
        steps = self.rng.normal(size=2)
        self.value += float(steps.sum())
        metrics: Any = self.hyperparameters.get("metrics", {}).get(data.epoch, {})
        return {"value": self.value, "step": steps, **metrics}

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        self.n_predictions += 1
        return np.full(len(X), self.value)

    def state_dict(self) -> Mapping[str, Any]:
        return {"value": self.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.value = state["value"]


def _fit(
    trainer: type[Trainer] = Constant,
    splits: Splits = SPLITS,
    *,
    schema: Schema = NUMBERS,
    metrics: Mapping[int, Any] | None = None,
    threads: int = 1,
    state: Any = None,
) -> Fit:
    seed, setting = np.random.SeedSequence(5), {"epochs": 4, "metrics": metrics or {}}
    return Fit(trainer, schema, splits, setting, seed, threads, state)


def _train(fit: Fit, n_epochs: int, after: int = 0) -> list[Epoch]:
    epochs: list[Epoch] = []
    for number in range(after + 1, after + n_epochs + 1):
        epochs.append(fit.train_epoch(number, epochs[-1] if epochs else None))
    return epochs


def _results(epochs: list[Epoch]) -> list[Any]:
    return [(epoch.number, epoch.val_score, epoch.metrics, epoch.step_metrics) for epoch in epochs]


def test_an_epoch_is_validated_on_what_the_trainer_then_predicts() -> None:
    for epoch in _train(_fit(), 3):
        errors = SPLITS.validation_targets - epoch.metrics["value"]
        assert epoch.val_score == pytest.approx(np.mean(errors**2))
        r2 = 1 - np.mean(errors**2) / np.var(SPLITS.validation_targets)
        assert epoch.val_others == {"r2": pytest.approx(r2)}
        assert not epoch.diverged


def test_accuracy_is_that_of_the_class_with_the_largest_score() -> None:
    class ByHalves(Constant):
        def predict(self, X: NDArray[Any]) -> NDArray[Any]:
            return np.hstack([3 - X, X])

    labels = np.array([0, 1, 0])
    splits = Splits(SPLITS.train, np.array([0, 1]), SPLITS.validation, labels, {})
    fit = _fit(ByHalves, splits, schema=CLASSES)
    (epoch,) = _train(fit, 1)
    assert epoch.val_score == pytest.approx(2 / 3)
    assert epoch.val_others == {}
    np.testing.assert_array_equal(fit.predict(), [0, 1, 1], strict=True)


def test_metrics_of_an_epoch_are_kept_apart_from_those_of_its_steps() -> None:
    metrics = {1: {"rate": np.float32(0.5), "count": 3, "loss": [1, np.float64(2)]}}
    (epoch,) = _train(_fit(metrics=metrics), 1)
    assert epoch.metrics.keys() == {"value", "rate", "count"}
    assert (epoch.metrics["rate"], epoch.metrics["count"]) == (0.5, 3.0)
    assert epoch.step_metrics["loss"] == (1.0, 2.0)
    assert sum(epoch.step_metrics["step"]) == pytest.approx(epoch.metrics["value"])
    values = [*epoch.metrics.values(), *epoch.step_metrics["loss"], *epoch.step_metrics["step"]]
    assert {type(value) for value in values} == {float}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [{"loss": math.nan}, {"loss": math.inf}, {"loss": [1.0, math.nan]}])
def test_an_epoch_that_diverges_has_the_score_of_the_one_before_and_predicts_nothing(
    bad: dict[str, Any],
) -> None:
    fit = _fit(metrics={2: bad})
    first, second = _train(fit, 2)
    assert (first.diverged, second.diverged) == (False, True)
    assert (second.val_score, second.val_others) == (first.val_score, first.val_others)
    assert fit._trainer.n_predictions == 1


def test_divergence_in_the_first_epoch_is_scored_as_the_best_constant_prediction() -> None:
    fit = _fit(metrics={1: {"loss": math.nan}})
    (epoch,) = _train(fit, 1)
    assert epoch.diverged
    assert epoch.val_score == pytest.approx(np.var(SPLITS.validation_targets))
    assert epoch.val_others == pytest.approx({"r2": 0})
    assert fit._trainer.n_predictions == 0


def test_without_validation_examples_there_is_no_score_and_nothing_is_predicted() -> None:
    nothing = Splits(SPLITS.train, SPLITS.train_targets, np.zeros((0, 1)), np.zeros(0), {})
    fit = _fit(splits=nothing, metrics={2: {"loss": math.nan}})
    first, second = _train(fit, 2)
    assert math.isnan(first.val_score)
    assert math.isnan(second.val_score)
    assert (first.diverged, second.diverged) == (False, True)
    assert fit._trainer.n_predictions == 0


def test_the_trainer_gets_the_training_split_the_epoch_and_the_number_of_threads() -> None:
    fit = _fit(threads=4)
    _train(fit, 3)
    seen = fit._trainer.seen
    assert [(data.epoch, data.threads) for data in seen] == [(1, 4), (2, 4), (3, 4)]
    assert all(data.X is SPLITS.train and data.y is SPLITS.train_targets for data in seen)
    assert fit._trainer.prepared is SPLITS.derived


def test_the_validation_examples_are_the_same_array_after_each_epoch() -> None:
    """So that a trainer can keep what it makes of them."""

    class Watching(Constant):
        def predict(self, X: NDArray[Any]) -> NDArray[Any]:
            assert X is SPLITS.validation
            return super().predict(X)

    _train(_fit(Watching), 2)


@pytest.mark.parametrize("n_before", [1, 2, 3])
def test_a_restored_training_continues_to_the_bit(n_before: int) -> None:
    whole = _fit()
    epochs = _train(whole, 4)
    begun = _fit()
    before = _train(begun, n_before)
    (state,) = begun.states()
    resumed = _fit(state=state)
    after = _train(resumed, 4 - n_before, after=n_before)
    assert _results([*before, *after]) == _results(epochs)
    assert resumed.states() == whole.states()
    assert resumed.model_state() == whole.model_state()


def test_a_trainer_is_restored_after_it_has_its_derived_arrays() -> None:
    class Centred(Constant):
        def load_state_dict(self, state: Mapping[str, Any]) -> None:
            self.value = state["value"] + self.prepared["centre"][0]

    begun = _fit(Centred)
    (epoch,) = _train(begun, 1)
    (state,) = begun.states()
    assert _fit(Centred, state=state)._trainer.value == epoch.metrics["value"] + 2


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (0.5, "train_epoch: expected a mapping of metrics by name, got float"),
        ({"loss": "low"}, "train_epoch: loss: expected a number, or a sequence of numbers"),
    ],
)
def test_what_is_no_metric_is_refused_by_name(returned: Any, expected: str) -> None:
    class Faulty(Constant):
        def train_epoch(self, data: TrainingData) -> EpochMetrics:
            return returned  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=expected):
        _train(_fit(Faulty), 1)


def test_a_trainer_may_return_no_metrics() -> None:
    class Silent(Constant):
        def train_epoch(self, data: TrainingData) -> None:
            super().train_epoch(data)

    (epoch,) = _train(_fit(Silent), 1)
    assert (epoch.metrics, epoch.step_metrics, epoch.diverged) == ({}, {}, False)
