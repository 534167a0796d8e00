"""Running jobs on workers: joblib's backends behind one pool, and the leases workers hold."""

from hpsearch.execution.lease import FileLease
from hpsearch.execution.pool import (
    Attempts,
    WorkerLostError,
    WorkerPool,
    check_backend,
    default_n_jobs,
)

__all__ = [
    "Attempts",
    "FileLease",
    "WorkerLostError",
    "WorkerPool",
    "check_backend",
    "default_n_jobs",
]
