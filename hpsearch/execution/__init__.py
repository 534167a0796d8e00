"""Running jobs on workers: joblib's backends behind one pool, and the leases workers hold."""

from hpsearch.execution.lease import FileLease
from hpsearch.execution.pool import WorkerLostError, WorkerPool, default_n_jobs

__all__ = ["FileLease", "WorkerLostError", "WorkerPool", "default_n_jobs"]
