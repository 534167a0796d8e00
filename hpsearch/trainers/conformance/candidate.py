"""The trainer to check, with hyperparameters and data, and the training that is observed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.trainers.conformance.plan import Plan
from hpsearch.trainers.finding import TrainerSpec

__all__ = ["Candidate", "make_plan"]


@dataclass(frozen=True)
class Candidate:
    """A trainer to check, with one setting of its hyperparameters and data to train on.

    Parameters
    ----------
    spec : TrainerSpec
        The trainer.
    hyperparameters : mapping
        All hyperparameters. ``epochs`` is replaced.
    schema : Schema
        Structure of the examples.
    X, y : arrays, shapes (N, D) and (N,)
        Training examples and their targets.
    X_val : array, shape (M, D)
        Examples to predict.
    prepared : mapping
        Arrays that `Trainer.prepare` returned for ``X`` and ``y``.
    seed : int
        Seed of the trainer's generator.
    """

    spec: TrainerSpec
    hyperparameters: Mapping[str, Any]
    schema: Schema
    X: NDArray[Any]
    y: NDArray[Any]
    X_val: NDArray[Any]
    prepared: Mapping[str, NDArray[Any]]
    seed: int = 0


def make_plan(candidate: Candidate, folder: Path) -> Plan:
    """Write the arrays to files in `folder`, which processes map into memory."""

    def save(name: str, array: NDArray[Any]) -> Path:
        path = folder / f"{name}.npy"
        np.save(path, array, allow_pickle=False)
        return path

    return Plan(
        spec=candidate.spec,
        hyperparameters=candidate.hyperparameters,
        schema=candidate.schema,
        seed=candidate.seed,
        X=save("X", candidate.X),
        y=save("y", candidate.y),
        X_val=save("X_val", candidate.X_val),
        prepared={
            name: save(f"prepared{i}", array)
            for i, (name, array) in enumerate(candidate.prepared.items())
        },
    )
