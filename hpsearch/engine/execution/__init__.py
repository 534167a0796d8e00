"""Execution of jobs on joblib workers: backends, worker pool, devices, leases, spare cores."""

from hpsearch.engine.execution.backends import Backend, open_backend
from hpsearch.engine.execution.child_processes import passed_environment
from hpsearch.engine.execution.devices import check_devices
from hpsearch.engine.execution.helper import HelperProcess
from hpsearch.engine.execution.lease import FileLease
from hpsearch.engine.execution.pool import Attempts, NoWorkersError, WorkerLostError, WorkerPool
from hpsearch.engine.execution.spare_cores import FileSpareCores

__all__ = [
    "Attempts",
    "Backend",
    "FileLease",
    "FileSpareCores",
    "HelperProcess",
    "NoWorkersError",
    "WorkerLostError",
    "WorkerPool",
    "check_devices",
    "open_backend",
    "passed_environment",
]
