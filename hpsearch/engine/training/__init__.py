"""One trial: prepare its job, run it in a worker, record its result.

Workers import `worker` and `job` alone, and with them neither Optuna nor MLflow.
"""

from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.training.worker import run_job

__all__ = ["TrialJob", "run_job"]
