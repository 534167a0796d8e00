"""One trial: prepare its job and run it. `Objective` is both for plain Optuna.

Workers import `hpsearch.objective.run` and `hpsearch.objective.job` alone, and with them
neither Optuna nor MLflow; what needs Optuna is therefore imported on first use.
"""

from typing import TYPE_CHECKING, Any

from hpsearch.objective.job import TrialJob
from hpsearch.objective.run import run_job

if TYPE_CHECKING:
    from hpsearch.objective.objective import Objective

__all__ = ["Objective", "TrialJob", "run_job"]


def __getattr__(name: str) -> Any:
    if name == "Objective":
        from hpsearch.objective.objective import Objective

        return Objective
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
