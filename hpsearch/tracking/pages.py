"""MLflow's pages for a study: their addresses, and the default view of the table of trials."""

import json
from collections.abc import Sequence

from hpsearch.foundations.metrics import Metric

__all__ = ["VIEW_TAG", "describe_table", "run_page", "trials_page"]

# MLflow stores a shared view as a tag of the experiment, under a key that the address contains.
_VIEW_KEY = "hpsearch"
VIEW_TAG = f"mlflow.sharedViewState.{_VIEW_KEY}"


def describe_table(hyperparameters: Sequence[str], metric: Metric) -> dict[str, str]:
    """Make the experiment's tag for a view of its trials, best first, with selected columns.

    Parameters
    ----------
    hyperparameters : sequence of str
        Searched hyperparameters.
    metric : Metric
        Metric that the study optimizes.
    """
    # MLflow lists nested runs separately only if sorted by a metric; else it folds them away.
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
    """Return the address of the view of `describe_table`, relative to MLflow's server."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={_VIEW_KEY}"


def run_page(experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, relative to MLflow's server."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"
