"""MLflow: a view of the record, written from it and only from it.

Importing this package does not import MLflow, which takes longer than starting a study;
`delete_runs`, `open_mirror`, `prepare_tracking`, `probe_tracking` and `rehearse_model` do.
"""

from hpsearch.tracking.access import (
    delete_runs,
    open_mirror,
    prepare_tracking,
    probe_tracking,
    rehearse_model,
)
from hpsearch.tracking.pages import study_page
from hpsearch.tracking.store import TrackingStore
from hpsearch.tracking.views import ModelView, StudyView, TrialView

__all__ = [
    "ModelView",
    "StudyView",
    "TrackingStore",
    "TrialView",
    "delete_runs",
    "open_mirror",
    "prepare_tracking",
    "probe_tracking",
    "rehearse_model",
    "study_page",
]
