"""Running jobs on workers: joblib's backends behind one pool, and what workers are allowed."""

from hpsearch.execution.backends import Backend, open_backend
from hpsearch.execution.helper import HelperProcess
from hpsearch.execution.lease import FileLease
from hpsearch.execution.pool import Attempts, NoWorkersError, WorkerLostError, WorkerPool
from hpsearch.execution.spare_cores import FileSpareCores

__all__ = [
    "Attempts",
    "Backend",
    "FileLease",
    "FileSpareCores",
    "HelperProcess",
    "NoWorkersError",
    "WorkerLostError",
    "WorkerPool",
    "open_backend",
]
