"""What a running study tells: the terminal and MLflow are both written from these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hpsearch.definition import StudyDefinition
from hpsearch.evaluations import TestEvaluation
from hpsearch.objective import TrialJob
from hpsearch.objective.survey import WorkerSurvey
from hpsearch.records import Confirmation, Refit, TrialRecord
from hpsearch.results import Net, Verdict
from hpsearch.training import Epoch

__all__ = [
    "ConfirmationAdvanced",
    "ConfirmationEnded",
    "ConfirmationReleased",
    "EvaluationRefused",
    "Event",
    "MirrorBehind",
    "NetChosen",
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
    """The study is open; `records` are those of earlier runs, `notices` lines about its data."""

    definition: StudyDefinition
    records: Sequence[TrialRecord]
    n_jobs: int
    notices: Sequence[str] = ()


@dataclass(frozen=True)
class RecordWarned:
    """Something about the record that the user should know."""

    text: str


@dataclass(frozen=True)
class WorkersSurveyed:
    """The workers of a cluster have said what they have."""

    survey: WorkerSurvey


@dataclass(frozen=True)
class VersionsCompared:
    """The versions of this run, or of a trial that has ended, are not those of earlier trials."""

    differences: Sequence[str]


@dataclass(frozen=True)
class TrialStarted:
    """A job left for a worker."""

    job: TrialJob


@dataclass(frozen=True)
class TrialAdvanced:
    """A running trial has ended another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class TrialEnded:
    """A trial is complete, pruned or failed, and so recorded."""

    record: TrialRecord


@dataclass(frozen=True)
class TrialReleased:
    """A trial was stopped and waits to be continued."""

    number: int


@dataclass(frozen=True)
class TrialReopened:
    """A failed trial waits to be run again; the last of its `retries` says what it failed of."""

    record: TrialRecord


@dataclass(frozen=True)
class ConfirmationAdvanced:
    """A confirmation has started, or ended another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class ConfirmationEnded:
    """A confirmation is complete, diverged or failed, and so recorded."""

    confirmation: Confirmation


@dataclass(frozen=True)
class ConfirmationReleased:
    """A confirmation was stopped and waits to be continued."""

    job: TrialJob


@dataclass(frozen=True)
class RefitAdvanced:
    """The refit has started, or ended another epoch; `epochs` are all so far."""

    job: TrialJob
    epochs: Sequence[Epoch]


@dataclass(frozen=True)
class RefitEnded:
    """The refit is complete, diverged or failed, and so recorded."""

    refit: Refit


@dataclass(frozen=True)
class RefitReleased:
    """The refit was stopped and waits to be continued."""

    job: TrialJob


@dataclass(frozen=True)
class WinnerJudged:
    """All trials and confirmations have ended; how good the best can be held to be."""

    verdict: Verdict


@dataclass(frozen=True)
class NetChosen:
    """All trials and confirmations have ended, and this is the best net."""

    net: Net


@dataclass(frozen=True)
class TestScored:
    """The net's score on the test split; `note` says how many evaluations there have been.

    It is new if the split was opened for it just now.
    """

    __test__ = False  # not one of pytest's

    evaluation: TestEvaluation
    note: str
    is_new: bool


@dataclass(frozen=True)
class EvaluationRefused:
    """The best net is not evaluated on the test split, as the evaluation was spent before."""

    reason: str


@dataclass(frozen=True)
class MirrorBehind:
    """MLflow could not be brought level with the record."""

    reason: str


@dataclass(frozen=True)
class StudyEnded:
    """The run is over; `is_complete` unless it was stopped before its last trial."""

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
    | NetChosen
    | TestScored
    | EvaluationRefused
    | MirrorBehind
    | StudyEnded
)
