"""MLflow's pages for a study: their addresses, and how its table of trials opens."""

import json
from collections.abc import Sequence

from hpsearch.metrics import Metric

__all__ = ["VIEW_TAG", "describe_table", "run_page", "trials_page"]

# MLflow keeps a view that someone shared as a tag of the experiment; the address names it.
_VIEW_KEY = "hpsearch"
VIEW_TAG = f"mlflow.sharedViewState.{_VIEW_KEY}"


def describe_table(hyperparameters: Sequence[str], metric: Metric) -> dict[str, str]:
    """The experiment's tag by which its trials open best first, with the columns that count.

    Parameters
    ----------
    hyperparameters : sequence of str
        Those that are searched.
    metric : Metric
        What the study optimizes.
    """
    # Sorted by a metric, MLflow lists nested runs one by one; else it hides them in the parent.
    view = {
        "orderByKey": _column("metrics", metric.val_name),
        "orderByAsc": metric.sign < 0,
        "selectedColumns": [
            *(
                _column("metrics", name)
                for name in (metric.val_name, metric.train_name, "train_loss")
            ),
            *(_column("params", name) for name in hyperparameters),
            _column("tags", "state"),
        ],
        "runsHiddenMode": "FIRST_20_RUNS",
    }
    return {VIEW_TAG: json.dumps(view)}


def trials_page(experiment_id: str) -> str:
    """Where `describe_table` is in force, behind the address of MLflow's server."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={_VIEW_KEY}"


def run_page(experiment_id: str, run_id: str) -> str:
    """The page of one run."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"
