"""Running jobs on workers: joblib's backends behind one pool, and the leases workers hold."""

from hpsearch.execution.lease import FileLease
from hpsearch.execution.pool import Attempts, WorkerLostError, WorkerPool, default_n_jobs

__all__ = ["Attempts", "FileLease", "WorkerLostError", "WorkerPool", "default_n_jobs"]
