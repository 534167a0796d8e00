"""MLflow runs by what they stand for: found by tags, never by memory alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag

__all__ = ["STUDY_TAG", "TRIAL_TAG", "attach", "find_runs", "log", "set_status"]

STUDY_TAG = "hpsearch.study"
TRIAL_TAG = "hpsearch.trial"

# MLflow's limits for one log_batch call.
_MAX_METRICS = 1000
_MAX_TAG_LENGTH = 5000


def find_runs(client: MlflowClient, experiment_id: str, study: str) -> Iterator[Run]:
    """All runs that this program made for `study`, oldest first."""
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{STUDY_TAG}` = '{study}'",
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def log(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, Any] | None = None,
    metrics: Iterable[tuple[str, float, int, int]] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write all in as few requests as MLflow allows.

    Metrics are (name, value, timestamp in ms, step). A point that is there already, equal in
    all four, is stored once; so writing again does no harm.
    """
    points = [Metric(*point) for point in metrics]
    first, rest = points[:_MAX_METRICS], points[_MAX_METRICS:]
    client.log_batch(
        run_id,
        metrics=first,
        params=[Param(name, str(value)) for name, value in (params or {}).items()],
        tags=[RunTag(name, value[:_MAX_TAG_LENGTH]) for name, value in (tags or {}).items()],
    )
    for start in range(0, len(rest), _MAX_METRICS):
        client.log_batch(run_id, metrics=rest[start : start + _MAX_METRICS])


def attach(
    client: MlflowClient, run_id: str, files: Sequence[Path], *, replace: bool = False
) -> None:
    """Upload those of `files` that the run does not have yet; or all that exist."""
    if not files:
        return
    there = set() if replace else {item.path for item in client.list_artifacts(run_id)}
    for path in files:
        if path.name not in there and path.exists():
            client.log_artifact(run_id, str(path))


def set_status(
    client: MlflowClient, run_id: str, before: str, status: str, end_time_ms: int | None
) -> None:
    """Give a run a status, with its end time if it has ended."""
    if status == "RUNNING":
        if before != status:
            client.update_run(run_id, status=status)
    else:
        client.set_terminated(run_id, status, end_time_ms)
