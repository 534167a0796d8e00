"""Status of a study as a value, and its JSON, which other programs read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hpsearch.engine.evaluations import TestEvaluation
from hpsearch.engine.records import Retry, State
from hpsearch.engine.selection import Confirmed, Selection

__all__ = [
    "Best",
    "Cost",
    "CountedEvaluation",
    "DiskUse",
    "RecordCheck",
    "RefitStatus",
    "Status",
    "TrialCounts",
]


@dataclass(frozen=True)
class TrialCounts:
    """Number of trials by state; `waiting` are the `interrupted` and those not started."""

    total: int
    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int
    interrupted: int

    def describe(self) -> str:
        """Format as ``3 of 8 trials complete, 1 running, 4 not started``."""
        counts = asdict(self) | {"not started": max(0, self.waiting - self.interrupted)}
        states = ("pruned", "failed", "running", "interrupted", "not started")
        others = [f"{counts[state]} {state}" for state in states if counts[state]]
        return ", ".join([f"{self.complete} of {self.total} trials complete", *others])

    @property
    def ended(self) -> int:
        """Number of trials that have ended for good."""
        return self.complete + self.pruned + self.failed


@dataclass(frozen=True)
class Best:
    """The best complete trial; with folds `net_sha256` is that of its refit, if it has ended."""

    number: int
    value: float | None
    params: dict[str, Any]
    net_sha256: str | None


@dataclass(frozen=True)
class RefitStatus:
    """State of the training of the best trial on the examples of all folds."""

    state: State
    reason: str | None


@dataclass(frozen=True)
class RecordCheck:
    """What was changed or lost in the record, a line each, and the trials concerned."""

    problems: list[str]
    trials: list[int]


@dataclass(frozen=True)
class CountedEvaluation:
    """One test evaluation, and the counts of all evaluations of the same test data.

    Parameters
    ----------
    evaluation : TestEvaluation
        The evaluation.
    counts : dict
        See `Evaluations.count`.
    """

    evaluation: TestEvaluation
    counts: dict[str, Any]

    @property
    def text(self) -> str:
        """All scores in one line."""
        return self.evaluation.describe()

    @property
    def note(self) -> str:
        """The counts as a sentence."""
        return str(self.counts["note"])

    def scores_as_json(self) -> dict[str, Any]:
        """Return the evaluation without the counts."""
        one = self.evaluation
        return {
            "net_sha256": one.net_sha256,
            "n": one.n,
            **one.scores,
            "low": one.low,
            "high": one.high,
            "text": self.text,
        }


@dataclass(frozen=True)
class Cost:
    """Core-seconds by use, and the share of the paid time that was waited for the lag."""

    training: float
    pruned: float
    refit: float
    confirm: float
    overhead: float
    waited_for_lag: float
    waited_for_lag_share: float


@dataclass(frozen=True)
class DiskUse:
    """Bytes of all the study's files and of the checkpoints among them."""

    total: int
    checkpoints: int
    n_checkpoints: int


@dataclass(frozen=True)
class Status:
    """Status of a study.

    Parameters
    ----------
    study : str
        Its name.
    is_running, is_complete : bool
        Whether a process runs it; whether nothing is left to run.
    n_folds : int or None
        Number of folds, if it cross-validates.
    n_validation : int or None
        Number of validation examples otherwise.
    changed_at : str or None
        When a trial last started or ended, in ISO 8601.
    trials : TrialCounts
        Number of trials by state.
    best : Best or None
        The best complete trial.
    refit : RefitStatus or None
        Refit of the best trial; None without folds.
    selection : Selection or None
        Selection of the best trial, once the study has ended.
    n_confirmations_due : int
        Number of confirmations still to run.
    confirmed : sequence of Confirmed
        Confirmations that have ended, by trial.
    fingerprint : str
        Hash of all reproducible results.
    ended_by_machine, retries : sequence
        By what the fingerprint differs from that of an undisturbed run: failed trials whose workers
        died, and trials that were run again with the failures before.
    differences : sequence of str
        Differences between the versions of trials, a line each.
    record : RecordCheck or None
        What was changed or lost in the record, if checked.
    evaluations : sequence of CountedEvaluation
        Test evaluations of the study, oldest first.
    evaluation_problems : sequence of str
        Where the ledger of evaluations and the record disagree.
    mlflow : mapping or None
        Address of the study in MLflow.
    cost : Cost
        Core time.
    disk : DiskUse
        Disk space.
    """

    study: str
    is_running: bool
    is_complete: bool
    n_folds: int | None
    n_validation: int | None
    changed_at: str | None
    trials: TrialCounts
    best: Best | None
    refit: RefitStatus | None
    selection: Selection | None
    n_confirmations_due: int
    confirmed: Sequence[Confirmed]
    fingerprint: str
    ended_by_machine: Sequence[int]
    retries: Sequence[tuple[int, Retry]]
    differences: Sequence[str]
    record: RecordCheck | None
    evaluations: Sequence[CountedEvaluation]
    evaluation_problems: Sequence[str]
    mlflow: Mapping[str, Any] | None
    cost: Cost
    disk: DiskUse

    @property
    def state(self) -> str:
        """``running``, ``complete`` or ``interrupted``."""
        if self.is_running:
            return "running"
        return "complete" if self.is_complete else "interrupted"

    def as_json(self) -> dict[str, Any]:
        """Return what ``hpsearch status --json`` prints; all values are JSON types."""
        return {
            "study": self.study,
            "state": self.state,
            "complete": self.is_complete,
            "validation": (
                {"folds": self.n_folds} if self.n_folds else {"examples": self.n_validation}
            ),
            "changed_at": self.changed_at,
            "trials": asdict(self.trials),
            "best": asdict(self.best) if self.best else None,
            "refit": asdict(self.refit) if self.refit else None,
            "selection": asdict(self.selection) if self.selection else None,
            "confirm": {
                "due": self.n_confirmations_due,
                "trials": [
                    asdict(one) | {"mean": one.mean, "spread": one.spread} for one in self.confirmed
                ],
            },
            "fingerprint": self.fingerprint,
            "disturbances": {
                "ended_by_machine": list(self.ended_by_machine),
                "retries": [{"number": number, **asdict(one)} for number, one in self.retries],
            },
            "differences": list(self.differences),
            "record": asdict(self.record) if self.record else None,
            "test": {
                "looks": [one.scores_as_json() for one in self.evaluations],
                "evaluations": [one.scores_as_json() | one.counts for one in self.evaluations],
                "problems": list(self.evaluation_problems),
            },
            "mlflow": self.mlflow,
            "cost": asdict(self.cost),
            "disk": asdict(self.disk),
        }
