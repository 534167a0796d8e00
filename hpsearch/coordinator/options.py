"""How to run a study: all that its result does not depend on."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.workspace import Workspace

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """Where and with what a study runs.

    Parameters
    ----------
    workspace : Workspace
        Where things are kept.
    n_jobs : int or None
        Workers; None for as many as the cores allow.
    backend : str
        joblib's.
    timeout_s : float or None
        Stop after so long, as Ctrl-C would.
    data_dirs : tuple of Path
        Where data sets may lie, before the workspace.
    storage_url : str or None
        Optuna's storage; None for the workspace's journal.
    tracking_uri : str or None
        MLflow's; None for the workspace's store.
    show_progress : bool
        Whether a download may draw a bar.
    retry_failed : bool
        Whether trials that have failed are run again first.
    """

    workspace: Workspace
    n_jobs: int | None = None
    backend: str = "loky"
    timeout_s: float | None = None
    data_dirs: tuple[Path, ...] = ()
    storage_url: str | None = None
    tracking_uri: str | None = None
    show_progress: bool = False
    retry_failed: bool = False
