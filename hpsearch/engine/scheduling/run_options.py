"""Options of a run, none of which changes a study's result."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.engine.execution import check_devices
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
        Number of workers; None for one on each device, or as many as the cores allow.
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
    devices : tuple of str
        Devices of the workers, such as ``("cuda:0", "cuda:1")``: each worker gets one, and a
        trainer finds its name in ``HPSEARCH_DEVICE``. Empty for the CPU, which all share.

    Raises
    ------
    UsageError
        If the workers cannot be given these devices.
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
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_devices(self.devices, backend=self.backend, n_jobs=self.n_jobs)
