"""What happened, in plain values: the trials of a study as recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hpsearch.hashing import hash_json
from hpsearch.metrics import ACCURACY, Metric
from hpsearch.wording import list_trials

__all__ = [
    "CONFIRMATIONS",
    "DATA",
    "MEANING",
    "MLFLOW_ADDRESS",
    "RECORD_ID",
    "SELECTION",
    "SESSIONS",
    "TEST_EVALUATIONS",
    "TRAINING_DATA",
    "Confirmation",
    "Retry",
    "State",
    "TrialRecord",
    "best_of",
    "describe_retry",
    "fingerprint",
    "rank",
]


# Names under which the coordinator notes things in a study's record.
SESSIONS = "sessions"
MLFLOW_ADDRESS = "mlflow"
SELECTION = "selection"
CONFIRMATIONS = "confirmations"
TEST_EVALUATIONS = "test_evaluations"
# And what the study is, of what.
MEANING = "definition"
DATA = "data_checksum"
TRAINING_DATA = "training_data"
RECORD_ID = "record_id"


class State(StrEnum):
    """How a trial stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAILED = "FAILED"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to the trial."""
        return self in (State.COMPLETE, State.PRUNED, State.FAILED)


@dataclass(frozen=True)
class Retry:
    """A failed trial that was run again under its number.

    Parameters
    ----------
    reason : str or None
        Why it had failed.
    ended_by_machine : bool
        Whether its worker had died, again and again.
    known_to : tuple of int
        Later trials that had been proposed knowing that it had failed.
    """

    reason: str | None
    ended_by_machine: bool
    known_to: tuple[int, ...]


@dataclass(frozen=True)
class TrialRecord:
    """One trial, as recorded.

    Parameters
    ----------
    number : int
        0 for the first.
    state : State
        How it stands.
    value : float or None
        Validation score at its end; of a pruned trial, where it was pruned.
    hyperparameters : dict
        All of the trainer, with their values.
    val_scores : tuple of float
        One for each epoch.
    net_sha256 : str or None
        Hash of the net that it ended with; of complete trials.
    duration_s : float
        Seconds of training, over all attempts that counted.
    diverged : bool
        Whether it was ended by a loss that was nan or inf.
    reason : str or None
        Why it failed.
    versions : dict
        What its last bits depend on, as the worker that trained it saw it.
    started_at, ended_at : datetime or None
        Of its last attempt.
    ended_by_machine : bool
        Whether it failed because its worker died again and again, not because it raised.
    retries : tuple of Retry
        Failures after which it was run again, oldest first.
    metric : Metric
        What `value` and `val_scores` are values of.
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
    """A trial's setting trained again with a fresh seed, as recorded.

    Parameters
    ----------
    number, replicate : int
        The trial; and which of its fresh seeds, 1 for the first.
    state : State
        COMPLETE; PRUNED if it diverged; FAILED.
    val_score : float or None
        At its end, if complete.
    net_sha256 : str or None
        Hash of the net, likewise.
    duration_s : float
        Seconds of training.
    reason : str or None
        Why it failed.
    versions : dict
        As a trial's.
    """

    number: int
    replicate: int
    state: State
    val_score: float | None
    net_sha256: str | None
    duration_s: float
    reason: str | None
    versions: dict[str, str] = field(default_factory=dict)


def describe_retry(number: int, retry: Retry) -> str:
    """One line: what trial `number` had failed of, and which trials had known it."""
    if retry.known_to:
        known_to = (
            f"{list_trials(retry.known_to)} had been proposed knowing it, and stay as they are"
        )
    else:
        known_to = "no other trial had known it"
    return f"trial {number} had failed ({retry.reason}); {known_to}"


def rank(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The complete trials, best value first; of equals the lower number."""
    complete = (record for record in records if record.state == State.COMPLETE)
    return sorted(complete, key=lambda r: (-r.metric.sign * (r.value or 0.0), r.number))


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The complete trial with the best value; of equals the lower number."""
    return next(iter(rank(records)), None)


def fingerprint(records: Sequence[TrialRecord]) -> str:
    """SHA-256 over what law 1 promises: equal for equal studies, to the last bit.

    Covers every finished trial's number, state, hyperparameters, validation accuracy after each
    epoch and, if it is complete, its model's SHA-256; floats exactly; no times, no versions.
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
