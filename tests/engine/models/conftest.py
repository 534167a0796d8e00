"""Models for tests: two-layer nets of given weights, and models of trainers of the test's own."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import Column, Schema
from hpsearch.engine.models import Model
from hpsearch.trainers import TrainingData
from hpsearch.trainers.finding import TrainerSpec, hash_source
from hpsearch.trainers.two_layer_net.net import Parameters, make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.conftest import TWO_LAYER_NET

IMAGES = Schema((4, 4, 3), class_names=("cat", "dog", "ship"))
NUMBERS = Schema(columns=(Column("x0"), Column("x1")), target="y")
SETTING = {
    "learning_rate": 0.1,
    "learning_rate_decay": 0.95,
    "reg": 0.0,
    "hidden_size": 5,
    "epochs": 2,
    "batch_size": 50,
    "initial_std": 0.01,
}
OWN_TRAINER = Path(__file__).with_name("own_trainer.py")


def make_net(
    parameters: Parameters, preprocessing: Preprocessing, schema: Schema = IMAGES, **facts: Any
) -> Model:
    """Make a model of the two-layer net from its arrays."""
    trainer = TWO_LAYER_NET.load()(SETTING, schema, None)
    trainer.load_state_dict({**parameters, **preprocessing.arrays()})
    origin = {"study": "small", "trial": 3, "val_accuracy": 0.5, "seed": 0}
    return Model(trainer, TWO_LAYER_NET, schema, {**origin, "hyperparameters": SETTING, **facts})


@pytest.fixture(params=["pixels", "components", "normalised"])
def net(request: pytest.FixtureRequest) -> Model:
    """Fed pixels, principal components, or those of images with normalised contrast."""
    rng = np.random.default_rng(0)
    mean_image = rng.uniform(0, 255, 48).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((48, 7)))[0].astype(np.float32)
    components = None if request.param == "pixels" else rotation
    floor = 10.0 if request.param == "normalised" else None
    if floor:
        mean_image /= 255
    preprocessing = Preprocessing(mean_image, components, floor)
    parameters = make_parameters(preprocessing.n_inputs, 5, 3, 0.1, rng)
    parameters["W1"] = np.asfortranarray(parameters["W1"])  # as training leaves it
    return make_net(parameters, preprocessing)


@pytest.fixture
def train_own(tmp_path: Path) -> Iterator[Callable[..., Model]]:
    """Train a class of ``own_trainer.py``, from a copy in a study's folder of its own."""
    folder = tmp_path / "study"

    def train(name: str = "NearestMean", schema: Schema = IMAGES) -> Model:
        folder.mkdir(exist_ok=True)
        file = Path(shutil.copy(OWN_TRAINER, folder))
        spec = TrainerSpec(f"own_trainer:{name}", folder, hash_source(file, "own_trainer"))
        hyperparameters, rng = {"epochs": 1, "sharpness": 2.0}, np.random.default_rng(0)
        trainer = spec.load()(hyperparameters, schema, rng)
        trainer.train_epoch(TrainingData(*make_examples(schema)))
        facts = {"study": "small", "trial": 0, schema.metric.val_name: 0.5}
        return Model(trainer, spec, schema, {**facts, "hyperparameters": hyperparameters})

    yield train
    sys.modules.pop("own_trainer", None)


def make_examples(schema: Schema, n: int = 60) -> tuple[Any, Any]:
    """Draw examples, each class brighter than the one before; y = 3 x0 for numbers."""
    rng = np.random.default_rng(0)
    if not schema.class_names:
        X = rng.normal(size=(n, schema.n_features))
        return X, 3 * X[:, 0]
    y = np.arange(n) % schema.n_classes
    noise = rng.integers(-60, 60, (n, schema.n_features))
    return (60 * (1 + y[:, np.newaxis]) + noise).clip(0, 255).astype(np.uint8), y
