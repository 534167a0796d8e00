"""Options of a run, none of which changes a study's result."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.engine.workspace import Workspace

__all__ = ["RunOptions"]


@dataclass(frozen=True)
class RunOptions:
    """Workers, folders and services of a run.

    Parameters
    ----------
    workspace : Workspace
        Where studies, prepared data and MLflow's store are kept.
    n_jobs : int or None
        Number of workers; None for as many as the cores allow.
    backend : str
        joblib's backend.
    timeout_s : float or None
        Seconds after which the run stops, as by Ctrl-C; None for no limit.
    data_dirs : tuple of Path
        Folders that are searched for data sets before the workspace.
    storage_url : str or None
        URL of Optuna's storage; None for the journal in the workspace.
    tracking_uri : str or None
        MLflow's tracking URI; None for the store in the workspace.
    show_progress : bool
        Whether to show a progress bar for downloads.
    retry_failed : bool
        Whether to run failed trials again first.
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
