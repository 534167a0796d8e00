"""Execution of jobs on joblib workers: backends, the worker pool, leases, spare cores."""

from hpsearch.execution.backends import Backend, open_backend
from hpsearch.execution.environment import passed_environment
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
    "passed_environment",
]
