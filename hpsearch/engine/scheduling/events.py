"""Events of a running study, from which both the terminal and MLflow are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import TestEvaluation
from hpsearch.engine.models import Model
from hpsearch.engine.records import Confirmation, Refit, TrialRecord
from hpsearch.engine.selection import Verdict
from hpsearch.engine.training import TrialJob
from hpsearch.engine.training.survey import WorkerSurvey
from hpsearch.engine.trial_files import Epoch

__all__ = [
    "ConfirmationAdvanced",
    "ConfirmationEnded",
    "ConfirmationReleased",
    "EvaluationRefused",
    "Event",
    "MirrorBehind",
    "ModelChosen",
    "RecordWarned",
    "RefitAdvanced",
    "RefitEnded",
    "RefitReleased",
    "StudyEnded",
    "StudyOpened",
    "TestScored",
    "TrialAdvanced",
    "TrialEnded",
    "TrialReleased",
    "TrialReopened",
    "TrialStarted",
    "VersionsCompared",
    "WinnerJudged",
    "WorkersSurveyed",
]


@dataclass(frozen=True)
class StudyOpened:
    """The study is open; `records` are the trials of earlier runs, `notices` concern its data."""

    definition: StudyDefinition
    records: Sequence[TrialRecord]
    n_jobs: int
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class RecordWarned:
    """A warning about the study's record."""

    text: str


@dataclass(frozen=True)
class WorkersSurveyed:
    """All workers of a cluster have reported their environment."""

    survey: WorkerSurvey


@dataclass(frozen=True)
class VersionsCompared:
    """The versions of this run, or of a finished trial, differ from those of earlier trials."""

    differences: Sequence[str]


@dataclass(frozen=True)
class TrialStarted:
    """A trial was dispatched to a worker."""

    job: TrialJob


@dataclass(frozen=True)
class TrialAdvanced:
    """A running trial has completed another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class TrialEnded:
    """A trial is complete, pruned or failed, and recorded."""

    record: TrialRecord


@dataclass(frozen=True)
class TrialReleased:
    """A trial was interrupted and returned to the queue."""

    number: int


@dataclass(frozen=True)
class TrialReopened:
    """A failed trial was returned to the queue; the last of its `retries` has its failure."""

    record: TrialRecord


@dataclass(frozen=True)
class ConfirmationAdvanced:
    """A confirmation has started or completed another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class ConfirmationEnded:
    """A confirmation is complete, diverged or failed, and recorded."""

    confirmation: Confirmation


@dataclass(frozen=True)
class ConfirmationReleased:
    """A confirmation was interrupted and returned to the queue."""

    job: TrialJob


@dataclass(frozen=True)
class RefitAdvanced:
    """The refit has started or completed another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class RefitEnded:
    """The refit is complete, diverged or failed, and recorded."""

    refit: Refit


@dataclass(frozen=True)
class RefitReleased:
    """The refit was interrupted and returned to the queue."""

    job: TrialJob


@dataclass(frozen=True)
class WinnerJudged:
    """All trials and confirmations have ended; the best trial's score is corrected and compared."""

    verdict: Verdict


@dataclass(frozen=True)
class ModelChosen:
    """All trials and confirmations have ended, and the best model is exported."""

    model: Model


@dataclass(frozen=True)
class TestScored:
    """The best model's score on the test split; `note` counts the evaluations of that split so far.

    `is_new` if this run made the evaluation, rather than read it from the record.
    """

    __test__ = False  # not one of pytest's

    evaluation: TestEvaluation
    note: str
    is_new: bool


@dataclass(frozen=True)
class EvaluationRefused:
    """The best model is not evaluated on the test split: the study's evaluation has been made."""

    reason: str


@dataclass(frozen=True)
class MirrorBehind:
    """MLflow could not be synchronized with the record."""

    reason: str


@dataclass(frozen=True)
class StudyEnded:
    """The run has ended; `is_complete` unless it was stopped before the study's end."""

    records: Sequence[TrialRecord]
    is_complete: bool


Event: TypeAlias = (
    StudyOpened
    | RecordWarned
    | WorkersSurveyed
    | VersionsCompared
    | TrialStarted
    | TrialAdvanced
    | TrialEnded
    | TrialReleased
    | TrialReopened
    | ConfirmationAdvanced
    | ConfirmationEnded
    | ConfirmationReleased
    | RefitAdvanced
    | RefitEnded
    | RefitReleased
    | WinnerJudged
    | ModelChosen
    | TestScored
    | EvaluationRefused
    | MirrorBehind
    | StudyEnded
)
