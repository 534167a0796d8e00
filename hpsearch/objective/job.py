"""What travels to a worker and what comes back: plain values, nothing that holds a connection."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from hpsearch.data import PreparedData
from hpsearch.errors import DamagedDataError, HpsearchError, MachineError, StoreError
from hpsearch.hashing import hash_json
from hpsearch.training import Epoch, Hyperparameters

__all__ = ["Lease", "Outcome", "Pruning", "SpareCores", "TrialJob", "TrialResult"]

# Third entry of the seed of everything a training draws; samplers use 1.
_TRAINING_STREAM = 0
_CONFIRM_STREAM = 7
_REFIT_STREAM = 8


class Pruning(Protocol):
    """Decides after each epoch whether a trial ends early."""

    def __call__(self, epoch: int, val_score: float) -> bool:
        """Whether the trial should end after `epoch`."""
        ...

    def rungs(self) -> dict[str, float]:
        """What later trials will be compared with."""
        ...


class Lease(Protocol):
    """A worker's permission to go on; it ends when its coordinator stops or is replaced."""

    def is_seen(self) -> bool:
        """Whether the worker's machine shares the study's folder with the coordinator's."""
        ...

    def is_valid(self) -> bool:
        """Whether the worker may train and write."""
        ...


class SpareCores(Protocol):
    """Cores that are lent to trials in flight while nothing can start on them."""

    def count(self) -> int:
        """How many each trial may use, besides its own, in the epoch that begins."""
        ...


@dataclass(frozen=True)
class TrialJob:
    """Everything that a worker needs to know of a trial.

    Parameters
    ----------
    number : int
        The trial's number.
    study_seed : int
        With `number`, the seed of the trial's training.
    hyperparameters : Hyperparameters
        The setting.
    data : PreparedData
        Where the images are, and which.
    folder : Path
        The trial's own folder, for checkpoint and history.
    threads : int
        Threads that BLAS may use, whose sums depend on it, and the products of a step, at least.
    pruning : Pruning, optional
        Asked after each epoch but the last.
    lease : Lease, optional
        Asked before each epoch's results are written.
    spare_cores : SpareCores, optional
        Asked before each epoch.
    replicate : int
        0 for the trial itself; k for its setting trained again with its k-th fresh seed.
    is_refit : bool
        Of data with folds: whether the setting is trained once more, on the examples of all folds.
    """

    number: int
    study_seed: int
    hyperparameters: Hyperparameters
    data: PreparedData
    folder: Path
    threads: int
    pruning: Pruning | None = None
    lease: Lease | None = None
    spare_cores: SpareCores | None = None
    replicate: int = 0
    is_refit: bool = False

    def identity(self) -> str:
        """Hash of all that the trained net depends on; a checkpoint belongs to one identity."""
        return hash_json(
            [
                self.study_seed,
                self.number,
                self.hyperparameters.model_dump(),
                self.data.checksum,
                self.data.contents,
                self.threads,
                *([self.replicate] if self.replicate else []),
                *(["refit"] if self.is_refit else []),
            ]
        )

    def count_threads(self) -> int:
        """How many threads may share the products of the epoch that begins."""
        return self.threads + (self.spare_cores.count() if self.spare_cores else 0)

    def seed(self) -> list[int]:
        """Entropy of everything that the training draws; with folds each adds its number."""
        if self.is_refit:
            return [self.study_seed, self.number, _REFIT_STREAM]
        if self.replicate:
            return [self.study_seed, self.number, _CONFIRM_STREAM, self.replicate]
        return [self.study_seed, self.number, _TRAINING_STREAM]


class Outcome(StrEnum):
    """How a worker's attempt at a trial ended."""

    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"
    """Asked to stop: the trial can go on from its checkpoint."""
    HALTED = "HALTED"
    """Not the trial's fault: the trial's folder cannot be written. The study stops."""
    NO_DATA = "NO_DATA"
    """Not the trial's fault: the data is missing or damaged. The study stops."""
    BROKEN = "BROKEN"
    """Not the trial's fault: the installation or the machine failed. The study stops."""


# What the study stops with where an outcome is not the trial's fault.
_FAILURES: dict[Outcome, type[HpsearchError]] = {
    Outcome.HALTED: StoreError,
    Outcome.NO_DATA: DamagedDataError,
    Outcome.BROKEN: MachineError,
}


@dataclass(frozen=True)
class TrialResult:
    """What came of a job.

    Parameters
    ----------
    number : int
        The trial's number.
    outcome : Outcome
        How it ended.
    epochs : tuple of Epoch
        All epochs so far, those before a resumption included.
    net_sha256 : str, optional
        Hash of the final net with its preprocessing, if complete.
    rungs : dict
        What successive halving noted.
    reason : str, optional
        Why it failed, or why the study must stop.
    ended_by_machine : bool
        Whether it failed because its worker died again and again, not because it raised.
    host : str
        The machine it ran on.
    versions : dict
        What its last bits depend on, as the worker that trained it saw it; of all workers, if it
        was continued with other versions (`hpsearch.differences`).
    checkpoint, predictions : bytes, optional
        Content of the final checkpoint, and of the predictions of a complete trial, if the
        worker could not write the trial's folder.
    """

    number: int
    outcome: Outcome
    epochs: tuple[Epoch, ...]
    net_sha256: str | None = None
    rungs: dict[str, float] | None = None
    reason: str | None = None
    ended_by_machine: bool = False
    host: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    checkpoint: bytes | None = None
    predictions: bytes | None = None

    @property
    def diverged(self) -> bool:
        """Whether a loss was nan or inf."""
        return bool(self.epochs) and self.epochs[-1].diverged

    @property
    def duration_s(self) -> float:
        """Seconds of training, over all attempts that left an epoch behind."""
        return sum(epoch.duration_s for epoch in self.epochs)

    def failure(self, where: str) -> HpsearchError | None:
        """The error that the study stops with; None if the outcome is the trial's.

        Parameters
        ----------
        where : str
            What to begin the message with.
        """
        kind = _FAILURES.get(self.outcome)
        return kind(f"{where}: {self.reason}") if kind else None
