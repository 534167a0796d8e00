"""Records of trials and confirmations, as plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hpsearch.foundations.hashing import hash_json
from hpsearch.foundations.metrics import ACCURACY, Metric
from hpsearch.foundations.text import list_trials

__all__ = [
    "CONFIRMATIONS",
    "DATA",
    "IDENTITY_FIELDS",
    "MLFLOW_ADDRESS",
    "RECORD_ID",
    "REFITS",
    "SELECTION",
    "SESSIONS",
    "TEST_EVALUATIONS",
    "TRAINING_DATA",
    "Confirmation",
    "Refit",
    "Retry",
    "State",
    "TrialRecord",
    "best_of",
    "describe_retry",
    "find_refit",
    "fingerprint",
    "rank",
]


# Names of attributes of a study's record; the last four identify the study and its data.
SESSIONS = "sessions"
MLFLOW_ADDRESS = "mlflow"
SELECTION = "selection"
CONFIRMATIONS = "confirmations"
REFITS = "refits"
TEST_EVALUATIONS = "test_evaluations"
IDENTITY_FIELDS = "definition"
DATA = "data_checksum"
TRAINING_DATA = "training_data"
RECORD_ID = "record_id"


class State(StrEnum):
    """State of a trial."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAILED = "FAILED"

    @property
    def label(self) -> str:
        """The state as it is printed."""
        return "interrupted" if self is State.WAITING else self.lower()

    @property
    def is_finished(self) -> bool:
        """Whether the trial has ended for good."""
        return self in (State.COMPLETE, State.PRUNED, State.FAILED)


@dataclass(frozen=True)
class Retry:
    """A failed trial that was run again under its number.

    Parameters
    ----------
    reason : str or None
        Why it had failed.
    ended_by_machine : bool
        Whether its worker had died repeatedly.
    known_to : tuple of int
        Later trials whose proposals had taken the failure into account.
    """

    reason: str | None
    ended_by_machine: bool
    known_to: tuple[int, ...]


@dataclass(frozen=True)
class TrialRecord:
    """Record of a trial.

    Parameters
    ----------
    number : int
        0 for the first.
    state : State
        State of the trial.
    value : float or None
        Final validation score; of a pruned trial, the score when it was pruned.
    hyperparameters : dict
        All hyperparameters of the trainer, with their values.
    val_scores : tuple of float
        Validation score after each epoch.
    net_sha256 : str or None
        Hash of the final net of a complete trial.
    duration_s : float
        Training time in seconds, over all attempts that counted.
    diverged : bool
        Whether it was stopped because its loss was nan or inf.
    reason : str or None
        Why it failed.
    versions : dict
        Versions that its last bits depend on, as reported by its worker.
    started_at, ended_at : datetime or None
        Start and end of its last attempt.
    ended_by_machine : bool
        Whether it failed because its worker died repeatedly, not because it raised.
    retries : tuple of Retry
        Failures after which it was run again, oldest first.
    metric : Metric
        Metric of `value` and `val_scores`.
    searched : dict
        Those of `hyperparameters` that the study searches.
    """

    number: int
    state: State
    value: float | None
    hyperparameters: dict[str, Any]
    val_scores: tuple[float, ...]
    net_sha256: str | None
    duration_s: float
    diverged: bool
    reason: str | None
    versions: dict[str, str]
    started_at: datetime | None
    ended_at: datetime | None
    ended_by_machine: bool = False
    retries: tuple[Retry, ...] = ()
    metric: Metric = ACCURACY
    searched: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Confirmation:
    """Record of a confirmation: a trial's hyperparameters trained again with a fresh seed.

    Parameters
    ----------
    number, replicate : int
        Number of the trial, and of its fresh seed, 1 for the first.
    state : State
        COMPLETE; PRUNED if it diverged; FAILED.
    val_score : float or None
        Final validation score, if complete.
    net_sha256 : str or None
        Hash of the final net, if complete.
    duration_s : float
        Training time in seconds.
    reason : str or None
        Why it failed.
    versions : dict
        Versions that its last bits depend on, as reported by its worker.
    """

    number: int
    replicate: int
    state: State
    val_score: float | None
    net_sha256: str | None
    duration_s: float
    reason: str | None
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refit:
    """Of a study with folds: a trial's setting trained once more, on the examples of all folds.

    Parameters
    ----------
    number : int
        The trial.
    state : State
        COMPLETE; PRUNED if it diverged; FAILED.
    net_sha256 : str or None
        Hash of the net, if complete.
    duration_s : float
        Seconds of training.
    reason : str or None
        Why it failed.
    versions : dict
        As a trial's.
    """

    number: int
    state: State
    net_sha256: str | None
    duration_s: float
    reason: str | None
    versions: dict[str, str] = field(default_factory=dict)


def find_refit(refits: Iterable[Refit], number: int) -> Refit | None:
    """Find the refit of trial `number`; None if it has not ended."""
    return next((one for one in refits if one.number == number), None)


def describe_retry(number: int, retry: Retry) -> str:
    """Describe in one line why trial `number` failed, and which proposals had known of it."""
    if retry.known_to:
        known_to = (
            f"{list_trials(retry.known_to)} had been proposed knowing it, and stay as they are"
        )
    else:
        known_to = "no other trial had known it"
    return f"trial {number} had failed ({retry.reason}); {known_to}"


def rank(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Sort the complete trials, best value first; of equals the lower number."""
    complete = (record for record in records if record.state == State.COMPLETE)
    return sorted(complete, key=lambda r: (-r.metric.sign * (r.value or 0.0), r.number))


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """Return the complete trial with the best value; of equals the lower number."""
    return next(iter(rank(records)), None)


def fingerprint(records: Sequence[TrialRecord]) -> str:
    """Hash all reproducible results of a study by SHA-256, floats exactly.

    Covers every finished trial's number, state, hyperparameters, validation score after each
    epoch and, if it is complete, its net's SHA-256; not times or versions.
    """
    return hash_json(
        [
            [
                record.number,
                record.state,
                record.hyperparameters,
                record.val_scores,
                record.net_sha256,
            ]
            for record in records
            if record.state.is_finished
        ]
    )
