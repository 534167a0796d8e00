import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data import (
    Frequencies,
    Preprocessing,
    PrincipalComponents,
    Split,
    SplitSpec,
    find_source,
    open_split,
    prepare,
)
from hpsearch.data.components import fit_components
from hpsearch.hashing import hash_arrays
from hpsearch.net import loss_and_gradients
from hpsearch.training import (
    Checkpoint,
    Epoch,
    NetState,
    averaged,
    batches,
    load_checkpoint,
    make_net,
    save_checkpoint,
    train,
)

Make = Callable[..., Any]


@pytest.fixture(autouse=True, params=["floats", "whole numbers"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on pixels in both arithmetics, as images this small would use float32 only."""
    if request.param == "whole numbers":
        monkeypatch.setattr(batches, "_WORTH_PACKING", 0)


def _result(epoch: Epoch) -> Epoch:
    """The part of an epoch that is a result; times are not."""
    return dataclasses.replace(epoch, duration_s=0.0, ended_at=0.0)


def test_five_epochs_are_a_prefix_of_twenty(split: Split, setting: Make, start: Make) -> None:
    runs = []
    for n_epochs in (5, 20):
        net, rng = start(setting())
        epochs = train(net, split, setting(epochs=n_epochs), rng)
        first_five = [_result(epoch) for epoch in itertools.islice(epochs, 5)]
        runs.append((first_five, hash_arrays(net)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize("n_before", [1, 2, 4])
def test_a_resumed_training_is_equal_to_the_bit(
    n_before: int, split: Split, setting: Make, start: Make, tmp_path: Any
) -> None:
    whole_net, rng = start(setting())
    whole = [_result(epoch) for epoch in train(whole_net, split, setting(), rng)]

    net, rng = start(setting())
    before = tuple(itertools.islice(train(net, split, setting(), rng), n_before))
    state = NetState(net, dict(rng.bit_generator.state))
    save_checkpoint(tmp_path / "c", Checkpoint("x", (state,), before))
    saved = load_checkpoint(tmp_path / "c")
    rng = np.random.default_rng()
    rng.bit_generator.state = saved.states[0].generator_state
    after = train(saved.net, split, setting(), rng, completed_epochs=n_before)

    assert [_result(epoch) for epoch in (*saved.epochs, *after)] == whole
    assert hash_arrays(saved.net) == hash_arrays(whole_net)


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
def augmentable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Split:
    folder = tmp_path_factory.mktemp("augmentable")
    source = find_source("digits", folders=[], download_folder=folder)
    sizes = {"n_train": 600, "n_validation": 150, "n_test": 100}
    return open_split(
        prepare(source, SplitSpec(**sizes, basis=request.param, is_augmentable=True), folder)
    )


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
    whole = [_result(epoch) for epoch in train(net, split, one, rng, memory=memory)]
    other, remembered, rng = begin()
    epochs: tuple[Epoch, ...] = ()
    while len(epochs) < one.epochs:
        going_on = train(other, split, one, rng, memory=remembered, completed_epochs=len(epochs))
        epochs = (*epochs, next(going_on))
        state = NetState(other, dict(rng.bit_generator.state), remembered)
        save_checkpoint(tmp_path / "c", Checkpoint("x", (state,), epochs))
        saved = load_checkpoint(tmp_path / "c")
        other, remembered, epochs = saved.net, saved.states[0].memory, saved.epochs
        rng = np.random.default_rng(9)
        rng.bit_generator.state = saved.states[0].generator_state
    assert [_result(epoch) for epoch in epochs] == whole
    assert hash_arrays(averaged(other, remembered)) == hash_arrays(averaged(net, memory))
    assert whole[-1].train_loss < whole[0].train_loss


def test_seeds_give_different_nets(split: Split, setting: Make, start: Make) -> None:
    nets = []
    for seed in (0, 1):
        net, rng = start(setting(), seed)
        list(train(net, split, setting(), rng))
        nets.append(hash_arrays(net))
    assert nets[0] != nets[1]


def test_the_learning_rate_decays_after_each_epoch(
    split: Split, setting: Make, start: Make
) -> None:
    net, rng = start(setting())
    rates = [epoch.learning_rate for epoch in train(net, split, setting(), rng)]
    assert rates == pytest.approx([0.02 * 0.9**n for n in range(5)])


class _Witness:
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
    witness = _Witness(split.train_labels)
    watched = dataclasses.replace(split, train_labels=witness)
    epochs = list(train(net, watched, setting(epochs=2), rng))
    assert [len(epoch.iteration_losses) for epoch in epochs] == [10, 10]
    first, second = witness.asked[:600], witness.asked[600:]
    assert sorted(first) == sorted(second) == list(range(600))
    assert first != second


def test_a_step_is_the_float64_step_rounded(split: Split, setting: Make, start: Make) -> None:
    one = setting(batch_size=600, epochs=1, initial_std=0.05)
    net, rng = start(one)
    exact = {name: array.astype(np.float64) for name, array in net.items()}
    X = split.train_rows - split.preprocessing.mean_image.astype(np.float64)
    loss, gradients = loss_and_gradients(exact, X, split.train_labels, one.reg)
    epoch = next(train(net, split, one, rng))
    assert epoch.train_loss == pytest.approx(loss, rel=1e-6)
    for name in net:
        expected = exact[name] - one.learning_rate * gradients[name]
        assert np.allclose(net[name], expected, rtol=1e-4, atol=1e-6)


def test_accuracies_are_those_of_the_net(split: Split, setting: Make, start: Make) -> None:
    fast = setting(learning_rate=0.2)
    net, rng = start(fast)
    *_, last = train(net, split, fast, rng)
    X = split.validation_images - split.preprocessing.mean_image.astype(np.float64)
    scores = np.maximum(X @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
    assert last.val_score == np.mean(scores.argmax(axis=1) == split.validation_labels)
    assert last.val_score > 0.5


@pytest.mark.filterwarnings("error")
def test_a_diverging_run_ends_at_once_and_is_not_validated(
    split: Split, setting: Make, start: Make
) -> None:
    wild = setting(learning_rate=1e4, epochs=50)
    net, rng = start(wild)
    epochs = list(train(net, split, wild, rng))
    assert epochs[-1].diverged
    assert len(epochs) < 50
    assert not np.isfinite(epochs[-1].iteration_losses[-1])
    assert len(epochs[-1].iteration_losses) < 10
    assert np.isnan(epochs[-1].val_score)
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
    on_pixels = [_result(epoch) for epoch in train(net, split, setting(), rng)]
    on_components = [_result(epoch) for epoch in train(same, rotated, setting(), same_rng)]
    for one, other in zip(on_pixels, on_components, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
    np.testing.assert_allclose(preprocessing.to_pixels(same["W1"]), net["W1"], atol=1e-3)


@pytest.mark.parametrize(("optimizer", "name"), [("nesterov", "velocity.W1"), ("adam", "mean.W1")])
def test_the_optimizer_state_of_a_dead_unit_becomes_0_and_never_subnormal(
    optimizer: str, name: str, split: Split, setting: Make, start: Make
) -> None:
    chosen = setting(optimizer=optimizer, learning_rate=2e-3, reg=0.0, batch_size=1, epochs=4)
    net, rng = start(chosen)
    memory: dict[str, Any] = {}
    next(train(net, split, chosen, rng, memory=memory))
    net["b1"][0] = -1e6
    for _ in train(net, split, chosen, rng, memory=memory, completed_epochs=1):
        remembered = np.abs(memory[name][0, 0, :, 0])  # as it lies in a step
        assert not np.any((remembered > 0) & (remembered < np.finfo(np.float32).tiny))
    assert not remembered.any()
    assert memory[name].any()
