"""Jobs sent to workers: plain values, without any connection."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hpsearch.datasets import PreparedData
from hpsearch.foundations.hashing import hash_json
from hpsearch.foundations.random_streams import Stream, seed_stream
from hpsearch.trainers.finding import TrainerSpec

__all__ = ["Lease", "Pruning", "TrialJob"]


class Pruning(Protocol):
    """Decides after each epoch whether a trial is pruned."""

    def __call__(self, epoch: int, val_score: float) -> bool:
        """Whether to prune the trial after `epoch`."""
        ...

    def rungs(self) -> dict[str, float]:
        """Return the values at successive halving's rungs, for comparison with later trials."""
        ...


class Lease(Protocol):
    """A worker's permission to train; it ends when its coordinator stops or is replaced."""

    def is_seen(self) -> bool:
        """Whether the worker's machine sees the study's folder of the coordinator."""
        ...

    def is_valid(self) -> bool:
        """Whether the worker may train and write."""
        ...


@dataclass(frozen=True)
class TrialJob:
    """All that a worker needs to run a trial.

    Parameters
    ----------
    number : int
        The trial's number.
    study_seed : int
        Study's seed; with `number` it seeds the training.
    trainer : TrainerSpec
        What is trained.
    hyperparameters : dict
        Values of all the trial's hyperparameters, by name.
    data : PreparedData
        Location and identity of the prepared data.
    folder : Path
        The trial's own folder, for checkpoint and history.
    threads : int
        Threads of BLAS, whose rounding depends on it, and of a trainer's own.
    pruning : Pruning, optional
        Called after each epoch but the last.
    lease : Lease, optional
        Checked before each epoch's results are written.
    replicate : int
        0 for the trial itself; k for its confirmation with the k-th fresh seed.
    is_refit : bool
        Whether to train one model on the examples of all folds; only of data with folds.
    """

    number: int
    study_seed: int
    trainer: TrainerSpec
    hyperparameters: dict[str, Any]
    data: PreparedData
    folder: Path
    threads: int
    pruning: Pruning | None = None
    lease: Lease | None = None
    replicate: int = 0
    is_refit: bool = False

    def identity(self) -> str:
        """Hash all that the trained model depends on; a checkpoint belongs to one identity."""
        return hash_json(
            [
                self.study_seed,
                self.number,
                self.trainer.path,
                self.trainer.source_sha256,
                dict(self.trainer.settings),
                self.hyperparameters,
                self.data.checksum,
                self.data.contents,
                self.threads,
                *([self.replicate] if self.replicate else []),
                *(["refit"] if self.is_refit else []),
            ]
        )

    @property
    def n_epochs(self) -> int:
        """Number of epochs of a complete trial."""
        return int(self.hyperparameters["epochs"])

    def seed(self) -> np.random.SeedSequence:
        """Return the seed of the training's random generator; folds use seeds spawned from it."""
        if self.is_refit:
            return seed_stream(self.study_seed, Stream.REFIT, self.number)
        if self.replicate:
            return seed_stream(self.study_seed, Stream.CONFIRMATION, self.number, self.replicate)
        return seed_stream(self.study_seed, Stream.TRAINING, self.number)
