"""Execution of jobs on joblib workers: backends, worker pool, devices, leases."""

from hpsearch.engine.execution.backends import Backend, open_backend
from hpsearch.engine.execution.child_processes import passed_environment
from hpsearch.engine.execution.devices import check_devices
from hpsearch.engine.execution.helper import HelperProcess
from hpsearch.engine.execution.lease import FileLease
from hpsearch.engine.execution.pool import Attempts, NoWorkersError, WorkerLostError, WorkerPool

__all__ = [
    "Attempts",
    "Backend",
    "FileLease",
    "HelperProcess",
    "NoWorkersError",
    "WorkerLostError",
    "WorkerPool",
    "check_devices",
    "open_backend",
    "passed_environment",
]
