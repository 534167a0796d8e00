import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import Splits
from hpsearch.engine.trial_files import Checkpoint, FitState, load_checkpoint, save_checkpoint
from hpsearch.foundations.hashing import hash_arrays
from hpsearch.trainers.two_layer_net import averaged, batches, score
from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.components import fit_components
from hpsearch.trainers.two_layer_net.net import loss_and_gradients
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from hpsearch.trainers.two_layer_net.sgd import EpochResult, GradientDescent
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.start import make_net
from tests.trainers.two_layer_net.conftest import Derive, train

Make = Callable[..., Any]


@pytest.fixture(autouse=True, params=["floats", "whole numbers"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on pixels in both arithmetics, as images this small would use float32 only."""
    if request.param == "whole numbers":
        monkeypatch.setattr(batches, "_WORTH_PACKING", 0)


def test_five_epochs_are_a_prefix_of_twenty(split: Split, setting: Make, start: Make) -> None:
    runs = []
    for n_epochs in (5, 20):
        net, rng = start(setting())
        first_five = train(net, split, setting(epochs=n_epochs), rng, until=5)
        runs.append((first_five, hash_arrays(net)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("n_before", [1, 2, 4])
def test_a_resumed_training_is_equal_to_the_bit(
    n_before: int, split: Split, setting: Make, start: Make, tmp_path: Path
) -> None:
    whole_net, rng = start(setting())
    whole = train(whole_net, split, setting(), rng)

    net, rng = start(setting())
    before = train(net, split, setting(), rng, until=n_before)
    resumed, _, rng = _save_and_load(net, {}, rng, tmp_path)
    after = train(resumed, split, setting(), rng, after=n_before)

    assert [*before, *after] == whole
    assert hash_arrays(resumed) == hash_arrays(whole_net)


def _save_and_load(net: Any, memory: Any, rng: np.random.Generator, folder: Path) -> Any:
    """The state as a checkpoint keeps it, in new arrays and in a new generator."""
    state = FitState({"net": net, "memory": memory}, dict(rng.bit_generator.state))
    save_checkpoint(folder / "c", Checkpoint("x", (state,), ()))
    (saved,) = load_checkpoint(folder / "c").states
    rng = np.random.default_rng(9)
    rng.bit_generator.state = dict(saved.generator)
    return saved.trainer["net"], saved.trainer["memory"], rng


TECHNIQUES: tuple[dict[str, Any], ...] = (
    {"initial_gain": 1.0},
    {"contrast_normalization": "per_image", "learning_rate": 0.3},
    {"n_components": 12, "whitening": 0.4, "learning_rate": 0.3},
    {"horizontal_flip": 0.5, "max_shift": 1, "cutout_size": 3, "learning_rate": 0.1},
    {"mixup_alpha": 0.3},
    {"label_smoothing": 0.1},
    {"input_dropout": 0.1, "dropout": 0.3},
    {"receptive_field_radius": 2.0, "soft_threshold": 0.2},
    {"optimizer": "nesterov"},
    {"optimizer": "adam", "learning_rate": 0.002},
    {"schedule": "cosine", "warmup_epochs": 1},
    {"averaging_epochs": 2},
)
ALL_AT_ONCE = {key: value for one in TECHNIQUES for key, value in one.items()}


@pytest.fixture(
    scope="module",
    params=[PrincipalComponents(count=20), Frequencies(20)],
    ids=["components", "frequencies"],
)
def augmentable(request: pytest.FixtureRequest, derive: Derive) -> Split:
    return derive(request.param, is_augmentable=True)


@pytest.mark.parametrize("technique", [*TECHNIQUES, ALL_AT_ONCE], ids=lambda one: "+".join(one))
def test_a_resumed_training_is_equal_to_the_bit_with_any_technique(
    technique: dict[str, Any], augmentable: Split, setting: Make, tmp_path: Path
) -> None:
    one = setting(**technique)
    split = augmentable.with_inputs(one.inputs)

    def begin() -> Any:
        rng = np.random.default_rng(0)
        return make_net(split, one, rng), {}, rng

    net, memory, rng = begin()
    whole = train(net, split, one, rng, memory=memory)
    other, remembered, rng = begin()
    results: list[EpochResult] = []
    for n_done in range(one.epochs):
        results += train(other, split, one, rng, memory=remembered, after=n_done, until=n_done + 1)
        other, remembered, rng = _save_and_load(other, remembered, rng, tmp_path)
    assert results == whole
    assert hash_arrays(averaged(other, remembered)) == hash_arrays(averaged(net, memory))
    assert np.mean(whole[-1].losses) < np.mean(whole[0].losses)


def test_seeds_give_different_nets(split: Split, setting: Make, start: Make) -> None:
    nets = []
    for seed in (0, 1):
        net, rng = start(setting(), seed)
        train(net, split, setting(), rng)
        nets.append(hash_arrays(net))
    assert nets[0] != nets[1]


def test_the_learning_rate_decays_after_each_epoch(
    split: Split, setting: Make, start: Make
) -> None:
    net, rng = start(setting())
    rates = [epoch.learning_rate for epoch in train(net, split, setting(), rng)]
    assert rates == pytest.approx([0.02 * 0.9**n for n in range(5)])


class _RecordedLabels:
    """Labels that record which of them were read."""

    def __init__(self, labels: Any) -> None:
        self.labels = labels
        self.asked: list[int] = []

    def __getitem__(self, rows: Any) -> Any:
        self.asked.extend(rows)
        return self.labels[rows]


def test_every_epoch_takes_each_image_once_in_a_new_order(
    split: Split, setting: Make, start: Make
) -> None:
    """600 images in batches of 64: the last batch has 24."""
    net, rng = start(setting(epochs=2))
    labels = _RecordedLabels(split.train_labels)
    watched = dataclasses.replace(split, train_labels=labels)
    epochs = train(net, watched, setting(epochs=2), rng)
    assert [len(epoch.losses) for epoch in epochs] == [10, 10]
    first, second = labels.asked[:600], labels.asked[600:]
    assert sorted(first) == sorted(second) == list(range(600))
    assert first != second


def test_a_step_is_the_float64_step_rounded(split: Split, setting: Make, start: Make) -> None:
    one = setting(batch_size=600, epochs=1, initial_std=0.05)
    net, rng = start(one)
    exact = {name: array.astype(np.float64) for name, array in net.items()}
    X = split.train_rows - split.preprocessing.mean_image.astype(np.float64)
    loss, gradients = loss_and_gradients(exact, X, split.train_labels, one.reg)
    (epoch,) = train(net, split, one, rng)
    assert epoch.losses == [pytest.approx(loss, rel=1e-6)]
    for name in net:
        expected = exact[name] - one.learning_rate * gradients[name]
        assert np.allclose(net[name], expected, rtol=1e-4, atol=1e-6)


def test_scores_are_those_of_the_float64_net(
    split: Split, splits: Splits, setting: Make, start: Make
) -> None:
    fast = setting(learning_rate=0.2)
    net, rng = start(fast)
    train(net, split, fast, rng)
    X = splits.validation - split.preprocessing.mean_image.astype(np.float64)
    scores = np.maximum(X @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    predicted = score(net, split.preprocessing.apply(splits.validation))
    np.testing.assert_allclose(predicted, scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(predicted.argmax(axis=1), scores.argmax(axis=1))
    assert np.mean(predicted.argmax(axis=1) == splits.validation_targets) > 0.5


def test_the_training_accuracy_counts_each_image_before_the_step_that_used_it(
    split: Split, setting: Make, start: Make
) -> None:
    """With all images in one batch it is the accuracy of the net before the epoch."""
    one = setting(batch_size=600, epochs=3, learning_rate=0.2, initial_std=0.05)
    net, rng = start(one)
    for number in range(one.epochs):
        scores = score(net, split.preprocessing.apply(split.train_rows))
        expected = np.mean(scores.argmax(axis=1) == split.train_labels)
        (result,) = train(net, split, one, rng, after=number, until=number + 1)
        assert result.score == pytest.approx(expected)


@pytest.mark.filterwarnings("error")
def test_a_diverging_run_ends_at_once(split: Split, setting: Make, start: Make) -> None:
    wild = setting(learning_rate=1e4, epochs=50)
    net, rng = start(wild)
    epochs = train(net, split, wild, rng)
    assert epochs[-1].diverged
    assert len(epochs) < 50
    assert not np.isfinite(epochs[-1].losses[-1])
    assert len(epochs[-1].losses) < 10
    assert np.isfinite(epochs[-1].losses[:-1]).all()
    assert not any(epoch.diverged for epoch in epochs[:-1])


def test_training_is_invariant_to_a_rotation_of_its_inputs(
    split: Split, setting: Make, start: Make
) -> None:
    """On all principal components training finds the same net as on pixels, up to rounding."""
    mean_image = split.preprocessing.mean_image
    wanted = PrincipalComponents(count=mean_image.size)
    components = fit_components(split.train_rows, mean_image.astype(np.float64), wanted)
    preprocessing = Preprocessing(mean_image, components)
    rotated = dataclasses.replace(
        split, train_rows=preprocessing.apply(split.train_rows), preprocessing=preprocessing
    )
    net, rng = start(setting())
    same, same_rng = start(setting())
    same["W1"] = components.T @ same["W1"]
    on_pixels = train(net, split, setting(), rng)
    on_components = train(same, rotated, setting(), same_rng)
    for one, other in zip(on_pixels, on_components, strict=True):
        assert np.mean(one.losses) == pytest.approx(np.mean(other.losses), rel=1e-4)
    np.testing.assert_allclose(preprocessing.to_pixels(same["W1"]), net["W1"], atol=1e-3)


@pytest.mark.parametrize(("optimizer", "name"), [("nesterov", "velocity.W1"), ("adam", "mean.W1")])
def test_the_optimizer_state_of_a_dead_unit_becomes_0_and_never_subnormal(
    optimizer: str, name: str, split: Split, setting: Make, start: Make
) -> None:
    chosen = setting(optimizer=optimizer, learning_rate=2e-3, reg=0.0, batch_size=1, epochs=4)
    net, rng = start(chosen)
    memory: dict[str, Any] = {}
    train(net, split, chosen, rng, memory=memory, until=1)
    net["b1"][0] = -1e6
    descent = GradientDescent(net, split, chosen, rng, memory)
    for number in range(2, chosen.epochs + 1):
        descent.train_epoch(number)
        remembered = np.abs(memory[name][0, 0, :, 0])  # as it lies in a step
        assert not np.any((remembered > 0) & (remembered < np.finfo(np.float32).tiny))
    assert not remembered.any()
    assert memory[name].any()
