"""Running jobs on workers: joblib's backends behind one pool, and the leases workers hold."""

from hpsearch.execution.backends import Backend, open_backend
from hpsearch.execution.helper import HelperProcess
from hpsearch.execution.lease import FileLease
from hpsearch.execution.pool import Attempts, NoWorkersError, WorkerLostError, WorkerPool

__all__ = [
    "Attempts",
    "Backend",
    "FileLease",
    "HelperProcess",
    "NoWorkersError",
    "WorkerLostError",
    "WorkerPool",
    "open_backend",
]
