"""What the engine does with a trainer, in a few lines: epochs, and a restart from saved state."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Column, Schema
from hpsearch.trainers import Trainer, TrainingData
from hpsearch.trainers.state import flatten_state, unflatten_state

NUMBERS = Schema(columns=tuple(Column(f"x{i}") for i in range(4)), class_names=("a", "b", "c"))


def make_examples(schema: Schema, n: int = 120) -> tuple[NDArray[Any], NDArray[Any]]:
    """Examples of which the target depends on the first two values."""
    rng = np.random.default_rng(1)
    if schema.image_shape is not None:
        X: NDArray[Any] = rng.integers(0, 256, (n, schema.n_features), dtype=np.uint8)
    else:
        X = rng.normal(size=(n, schema.n_features))
    target = X[:, 0] - 0.5 * X[:, 1] + rng.normal(0, 0.1, n)
    n_classes = len(schema.class_names)
    if not n_classes:
        return X, target
    borders = np.quantile(target, np.linspace(0, 1, n_classes + 1)[1:-1])
    return X, np.searchsorted(borders, target).astype(np.int64)


def train(
    trainer: Trainer, X: NDArray[Any], y: NDArray[Any], epochs: range
) -> list[Mapping[str, Any]]:
    """Train these epochs on read-only arrays; return the metrics of each."""
    X, y = X.view(), y.view()
    X.flags.writeable = y.flags.writeable = False
    return [trainer.train_epoch(TrainingData(X, y, epoch=epoch)) for epoch in epochs]


def save(trainer: Trainer) -> tuple[dict[str, bytes], str, Any]:
    """State of a trainer as written to disk, and that of its random generator."""
    assert trainer.rng is not None
    arrays, structure = flatten_state(trainer.state_dict())
    files = {name: array.tobytes() for name, array in arrays.items()}
    kinds = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    return files, structure, (kinds, trainer.rng.bit_generator.state)


def restore(
    cls: type[Trainer], hyperparameters: Mapping[str, Any], schema: Schema, saved: Any
) -> Trainer:
    """Trainer from the output of `save`, as in another process."""
    files, structure, (kinds, generator) = saved
    arrays = {
        name: np.frombuffer(bytearray(content), kinds[name][0]).reshape(kinds[name][1])
        for name, content in files.items()
    }
    rng = np.random.default_rng(7)
    trainer = cls(hyperparameters, schema, rng)
    rng.bit_generator.state = generator
    trainer.load_state_dict(unflatten_state(arrays, structure))
    return trainer


def load_model(
    cls: type[Trainer], hyperparameters: Mapping[str, Any], schema: Schema, trained: Trainer
) -> Trainer:
    """Trainer for prediction only, from the model of a trained one."""
    loaded = cls(hyperparameters, schema, None)
    loaded.load_state_dict(unflatten_state(*flatten_state(trained.model_state_dict())))
    return loaded


def check_resumption(
    cls: type[Trainer], hyperparameters: Mapping[str, Any], schema: Schema, n_epochs: int = 4
) -> Trainer:
    """Compare training in one go with training that is restored after half of its epochs."""
    X, y = make_examples(schema)
    whole = cls(hyperparameters, schema, np.random.default_rng(0))
    metrics = train(whole, X, y, range(1, n_epochs + 1))
    half = cls(hyperparameters, schema, np.random.default_rng(0))
    train(half, X, y, range(1, n_epochs // 2 + 1))
    resumed = restore(cls, hyperparameters, schema, save(half))
    rest = train(resumed, X, y, range(n_epochs // 2 + 1, n_epochs + 1))
    assert rest == metrics[n_epochs // 2 :]
    assert save(resumed) == save(whole)
    predicted = whole.predict(X)
    assert resumed.predict(X).tobytes() == predicted.tobytes()
    assert load_model(cls, hyperparameters, schema, whole).predict(X).tobytes() == (
        predicted.tobytes()
    )
    return whole
