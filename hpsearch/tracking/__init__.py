"""MLflow: a view of the record, written from it and only from it.

Importing this package does not import MLflow, which takes longer than starting a study;
`delete_runs`, `open_mirror`, `prepare_tracking`, `probe_tracking` and `rehearse_model` do.
"""

from hpsearch.tracking.opening import (
    delete_runs,
    open_mirror,
    prepare_tracking,
    probe_tracking,
    rehearse_model,
)
from hpsearch.tracking.pages import trials_page
from hpsearch.tracking.views import NetView, StudyView, TrackingStore, TrialView

__all__ = [
    "NetView",
    "StudyView",
    "TrackingStore",
    "TrialView",
    "delete_runs",
    "open_mirror",
    "prepare_tracking",
    "probe_tracking",
    "rehearse_model",
    "trials_page",
]
