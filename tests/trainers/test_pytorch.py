"""Modules of PyTorch train as trainers, reproducibly, and their state survives without pickle.

Skipped where PyTorch is not installed: ``make EXTRAS=dev,pytorch test`` has it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from hpsearch.datasets.schema import Schema
from hpsearch.engine.training.trial_failures import check_installation
from hpsearch.foundations.errors import MachineError, UsageError
from tests.extras import import_torch
from tests.trainers.engine import (
    NUMBERS,
    check_resumption,
    load_model,
    make_examples,
    save,
    train,
)

torch = import_torch()
pytestmark = pytest.mark.slow

from hpsearch.trainers.pytorch import TorchTrainer  # noqa: E402
from hpsearch.trainers.tensor_state import convert_tensors, restore_tensors  # noqa: E402

nn, optim, schedulers = torch.nn, torch.optim, torch.optim.lr_scheduler

IMAGES = Schema(image_shape=(8, 6, 3), class_names=("a", "b"))
REGRESSION = replace(NUMBERS, class_names=())


class Perceptron(TorchTrainer):
    """With dropout, so that training draws random numbers."""

    def make_module(self):
        n_outputs = self.schema.n_outputs
        return nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, n_outputs))

    def make_optimizer(self, module):
        return optim.SGD(module.parameters(), lr=0.1, momentum=0.9)


class Convolutional(TorchTrainer):
    """With running statistics, which are a part of the state besides parameters."""

    def make_module(self):
        layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
        return nn.Sequential(*layers, nn.Linear(4 * 6 * 4, 2))

    def make_optimizer(self, module):
        return optim.AdamW(module.parameters(), lr=0.01)

    def make_scheduler(self, optimizer):
        return schedulers.CosineAnnealingLR(optimizer, T_max=4)


class Half(Perceptron):
    def make_module(self):
        return nn.Sequential(nn.Linear(4, 3).to(torch.bfloat16))

    def transform(self, X):
        return super().transform(X).to(torch.bfloat16)


class Stepped(Perceptron):
    """Schedulers whose state holds counters and other schedulers."""

    def make_scheduler(self, optimizer):
        steps = schedulers.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        warm_up = schedulers.LinearLR(optimizer, total_iters=2)
        return schedulers.SequentialLR(optimizer, [warm_up, steps], milestones=[2])


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch):
    monkeypatch.delenv("HPSEARCH_DEVICE", raising=False)


def make(cls, schema=NUMBERS, seed=0):
    return cls({"batch_size": 16}, schema, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("cls", "schema"),
    [
        (Perceptron, NUMBERS),
        (Perceptron, REGRESSION),
        (Convolutional, IMAGES),
        (Half, NUMBERS),
        (Stepped, NUMBERS),
    ],
)
def test_restored_training_goes_on_to_the_bit(cls, schema):
    trained = check_resumption(cls, {"batch_size": 16}, schema)
    X, _ = make_examples(schema)
    shape = (len(X), schema.n_outputs) if schema.class_names else (len(X),)
    assert trained.predict(X).shape == shape


class Unhurried(Perceptron):
    """Lets other threads run in the middle of each step, between two uses of the generator."""

    def transform(self, X):
        time.sleep(0.001)
        return super().transform(X)


def test_training_in_threads_of_one_process_is_as_training_alone():
    X, y = make_examples(NUMBERS)

    def train_one(seed):
        trainer = make(Unhurried, seed=seed)
        train(trainer, X, y, range(1, 4))
        return trainer.model_state_dict()["module"]

    seeds = range(4)
    alone = [train_one(seed) for seed in seeds]
    with ThreadPoolExecutor(len(seeds)) as pool:
        together = list(pool.map(train_one, seeds))
    for one, other in zip(alone, together, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_training_learns():
    X, y = make_examples(NUMBERS)
    trainer = make(Perceptron)
    first, *_, last = train(trainer, X, y, range(1, 31))
    assert last["train_loss"] < first["train_loss"] / 2
    assert np.mean(trainer.predict(X).argmax(axis=1) == y) > 0.9


def test_training_does_not_depend_on_what_drew_random_numbers_before():
    X, y = make_examples(NUMBERS)
    states = []
    for n_drawn in (0, 5):
        torch.rand(n_drawn)
        trainer = make(Perceptron)
        torch.rand(n_drawn)
        train(trainer, X, y, range(1, 3))
        states.append(save(trainer))
    assert states[0] == states[1]


def test_training_does_not_depend_on_the_number_of_threads_given():
    X, y = make_examples(IMAGES, n=600)
    before = torch.get_num_threads()
    states = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            trainer = make(Convolutional, IMAGES)
            train(trainer, X, y, range(1, 3))
            states.append(save(trainer))
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert states[0] == states[1]


def test_each_epoch_draws_other_numbers():
    class Drawing(Perceptron):
        def loss(self, outputs, y):
            drawn.append(torch.rand(()).item())
            return super().loss(outputs, y)

    drawn = []
    train(make(Drawing), *make_examples(NUMBERS), range(1, 3))
    assert len({*drawn}) == len(drawn)


def test_another_seed_gives_another_model():
    assert save(make(Perceptron))[0] != save(make(Perceptron, seed=1))[0]


def test_global_settings_are_left_as_they_were():
    X, y = make_examples(NUMBERS)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    trainer = make(Perceptron)
    train(trainer, X, y, range(1, 2))
    trainer.predict(X)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_algorithms_are_deterministic_while_training():
    class Asking(Perceptron):
        def loss(self, outputs, y):
            asked.append(torch.are_deterministic_algorithms_enabled())
            return super().loss(outputs, y)

    asked = []
    train(make(Asking), *make_examples(NUMBERS), range(1, 2))
    assert set(asked) == {True}


def test_dropout_is_off_in_prediction_and_on_again_in_training():
    X, y = make_examples(NUMBERS)
    trainer = make(Perceptron)
    predicted = trainer.predict(X)
    with torch.no_grad():
        expected = trainer.module.eval()(trainer.transform(X)).numpy()
    assert np.allclose(predicted, expected)
    train(trainer, X, y, range(1, 2))
    assert trainer.module.training


def test_images_come_as_colours_by_height_by_width_between_0_and_1():
    X, _ = make_examples(IMAGES)
    images = make(Convolutional, IMAGES).transform(X)
    assert images.shape == (len(X), 3, 8, 6)
    expected = np.float32(X[5].reshape(8, 6, 3)[2, 4, 1]) / np.float32(255)
    assert images[5, 1, 2, 4].item() == expected


def test_the_models_state_is_the_modules_alone():
    state = make(Perceptron).model_state_dict()
    assert {*state} == {"module"}
    assert {*state["module"]} == {"0.weight", "0.bias", "3.weight", "3.bias"}


def test_a_kept_state_does_not_change_with_training():
    trainer = make(Perceptron)
    kept = trainer.state_dict()["module"]["0.weight"]
    before = kept.copy()
    train(trainer, *make_examples(NUMBERS), range(1, 2))
    assert np.array_equal(kept, before)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2", "float16", "int64", "bool"])
def test_tensors_of_all_types_and_shapes_are_restored(dtype):
    for shape in ((), (0,), (2, 3)):
        tensor = torch.ones(shape).to(getattr(torch, dtype))
        restored = restore_tensors(convert_tensors({"a": [tensor]}, "state"))["a"][0]
        assert restored.dtype == tensor.dtype
        assert restored.shape == tensor.shape
        assert torch.equal(restored.float(), tensor.float())


def test_an_array_in_a_modules_state_is_refused_as_it_would_become_a_tensor():
    with pytest.raises(TypeError, match=r"^module\.extra: expected a tensor, got an array"):
        convert_tensors({"extra": np.zeros(2)}, "module")


def test_module_batches_and_predictions_are_on_the_device_of_the_environment(monkeypatch):
    """``meta`` has shapes without numbers, on any machine; it fails where numbers are wanted."""

    class Placed(Perceptron):
        def make_module(self):
            module = super().make_module()
            module.register_forward_pre_hook(lambda _, inputs: devices.append(inputs[0].device))
            return module

        def loss(self, outputs, y):
            devices.extend([outputs.device, y.device])
            return super().loss(outputs, y)

    devices = []
    X, y = make_examples(NUMBERS)
    monkeypatch.setenv("HPSEARCH_DEVICE", "meta")
    trainer = make(Placed)
    devices.extend(one.device for one in trainer.module.parameters())
    for use in (lambda: train(trainer, X, y, range(1, 2)), lambda: trainer.predict(X)):
        with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
            use()
    assert {one.type for one in devices} == {"meta"}
    assert len(devices) > 10


def test_without_a_device_in_the_environment_training_is_on_the_cpu():
    assert make(Perceptron).device == torch.device("cpu")
    assert Perceptron.versions() == {"torch": torch.__version__, "device": "cpu"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_pytorch_cannot_use_is_a_fault_of_the_machine(monkeypatch):
    monkeypatch.setenv("HPSEARCH_DEVICE", "cuda:0")
    with pytest.raises(MachineError, match=r"PyTorch .* cannot use the device cuda:0 \(.*\)$"):
        check_installation(Perceptron)
    assert Perceptron.versions()["device"] == "cuda"


def test_a_name_that_pytorch_does_not_know_is_refused(monkeypatch):
    monkeypatch.setenv("HPSEARCH_DEVICE", "gpu")
    with pytest.raises(
        UsageError, match=r"^HPSEARCH_DEVICE: expected cuda:0, mps or cpu, got 'gpu'$"
    ):
        make(Perceptron)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_trained_on_a_gpu_is_restored_to_the_bit_and_loads_on_the_cpu(monkeypatch):
    monkeypatch.setenv("HPSEARCH_DEVICE", "cuda:0")
    trained = check_resumption(Convolutional, {"batch_size": 16}, IMAGES)
    monkeypatch.delenv("HPSEARCH_DEVICE")
    X, _ = make_examples(IMAGES)
    loaded = load_model(Convolutional, {"batch_size": 16}, IMAGES, trained)
    assert np.allclose(loaded.predict(X), trained.predict(X), atol=1e-3)
