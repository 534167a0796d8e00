"""One trial: prepare its job, run it in a worker, record its result.

Workers import `run` and `job` alone, and with them neither Optuna nor MLflow.
"""

from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.training.run import run_job

__all__ = ["TrialJob", "TrialResult", "run_job"]
