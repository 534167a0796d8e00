"""The environment variables that the program reads, all but those of its libraries."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "BACKEND",
    "CUDA_DEVICES",
    "DATA_DIR",
    "DEVICE",
    "STORAGE",
    "TRACKING_URI",
    "WORKSPACE",
    "Environment",
]

WORKSPACE = "HPSEARCH_WORKSPACE"
DATA_DIR = "HPSEARCH_DATA_DIR"
STORAGE = "HPSEARCH_STORAGE"
BACKEND = "HPSEARCH_BACKEND"
TRACKING_URI = "MLFLOW_TRACKING_URI"
DEVICE = "HPSEARCH_DEVICE"
CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Environment:
    """What the variables say.

    Parameters
    ----------
    workspace : Path
        Where everything is kept; ``workspace`` by default.
    data_dir : Path, optional
        Where data sets are.
    storage : str, optional
        Address of Optuna's storage; a journal in the workspace by default.
    backend : str
        joblib's backend; ``loky`` by default.
    tracking_uri : str, optional
        MLflow's store or server; a database in the workspace by default.
    device : str
        What a trainer computes on, by PyTorch's name; ``cpu`` by default.
    cuda_devices : str, optional
        The GPUs that CUDA shows, separated by commas; all by default, none if it is empty.
    """

    workspace: Path
    data_dir: Path | None
    storage: str | None
    backend: str
    tracking_uri: str | None
    device: str
    cuda_devices: str | None

    @classmethod
    def read(cls) -> "Environment":
        """Read the variables as they are now; an empty one of this program counts as unset."""
        data_dir = os.environ.get(DATA_DIR)
        return cls(
            workspace=Path(os.environ.get(WORKSPACE) or "workspace"),
            data_dir=Path(data_dir) if data_dir else None,
            storage=os.environ.get(STORAGE) or None,
            backend=os.environ.get(BACKEND) or "loky",
            tracking_uri=os.environ.get(TRACKING_URI) or None,
            device=os.environ.get(DEVICE) or "cpu",
            cuda_devices=os.environ.get(CUDA_DEVICES),
        )
