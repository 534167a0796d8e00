"""The coordinator: the one process that owns a study's state while it runs."""

from hpsearch.coordinator.events import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    EvaluationRefused,
    Event,
    MirrorBehind,
    NetChosen,
    RecordWarned,
    StudyEnded,
    StudyOpened,
    TestScored,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialReopened,
    TrialStarted,
    VersionsCompared,
    WinnerJudged,
    WorkersSurveyed,
)
from hpsearch.coordinator.housekeeping import Leftover, find_leftovers, remove
from hpsearch.coordinator.options import RunOptions
from hpsearch.coordinator.replay import Replay, replay_trial
from hpsearch.coordinator.run import run_study
from hpsearch.coordinator.session import (
    Session,
    find_prepared,
    open_session,
    prepare_data,
    prepare_recorded_data,
)
from hpsearch.coordinator.showcase import Showcase, tracking_store

__all__ = [
    "ConfirmationAdvanced",
    "ConfirmationEnded",
    "ConfirmationReleased",
    "EvaluationRefused",
    "Event",
    "Leftover",
    "MirrorBehind",
    "NetChosen",
    "RecordWarned",
    "Replay",
    "RunOptions",
    "Session",
    "Showcase",
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
    "find_leftovers",
    "find_prepared",
    "open_session",
    "prepare_data",
    "prepare_recorded_data",
    "remove",
    "replay_trial",
    "run_study",
    "tracking_store",
]
