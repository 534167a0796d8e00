"""MLflow's pages for a study: their addresses, and two views of its table of runs."""

import json
from collections.abc import Sequence

from hpsearch.foundations.metrics import Metric

__all__ = ["VIEW_TAG", "describe_views", "run_page", "study_page", "trials_page"]

# MLflow stores a shared view as a tag of the experiment, under a key that the address contains.
_NESTED, _BEST_FIRST = "hpsearch", "hpsearch-best-first"
_VIEW_TAGS = {key: f"mlflow.sharedViewState.{key}" for key in (_NESTED, _BEST_FIRST)}
VIEW_TAG = _VIEW_TAGS[_NESTED]
# Without it MLflow opens an experiment's pages for language models, unless the browser has
# opened those for training before. (From MLflow 3.17 on the experiment's kind is not asked.)
_WORKFLOW = "workflowType=machine_learning"


def describe_views(hyperparameters: Sequence[str], metric: Metric) -> dict[str, str]:
    """Make the experiment's tags for two views of its runs, with selected columns.

    One has the study's run first and its trials nested under it, the other the trials alone, best
    first.

    Parameters
    ----------
    hyperparameters : sequence of str
        Searched hyperparameters.
    metric : Metric
        Metric that the study optimizes.
    """
    columns = [
        *(_column("metrics", name) for name in (metric.val_name, metric.train_name, "train_loss")),
        *(_column("params", name) for name in hyperparameters),
        _column("tags", "state"),
    ]
    # MLflow nests runs if they are sorted by their start, and only then.
    orders = {
        _NESTED: ("attributes.start_time", False),
        _BEST_FIRST: (_column("metrics", metric.val_name), metric.sign < 0),
    }
    return {
        _VIEW_TAGS[key]: json.dumps(
            {
                "orderByKey": order,
                "orderByAsc": is_ascending,
                "selectedColumns": columns,
                "runsHiddenMode": "FIRST_20_RUNS",
            }
        )
        for key, (order, is_ascending) in orders.items()
    }


def study_page(experiment_id: str) -> str:
    """Return the address of a study's runs, its trials nested, relative to MLflow's server."""
    return _runs_page(experiment_id, _NESTED)


def trials_page(experiment_id: str) -> str:
    """Return the address of a study's trials, best first, relative to MLflow's server."""
    return _runs_page(experiment_id, _BEST_FIRST)


def run_page(experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, relative to MLflow's server."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{_WORKFLOW}"


def _runs_page(experiment_id: str, view: str) -> str:
    return f"#/experiments/{experiment_id}/runs?{_WORKFLOW}&viewStateShareKey={view}"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"
