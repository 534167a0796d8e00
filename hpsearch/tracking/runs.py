"""MLflow runs by what they stand for: found by tags, never by memory alone."""

import re
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from numpy.typing import NDArray

__all__ = [
    *("PARENT_TAG", "SHOWN_TAG", "STUDY_TAG", "TRIAL_TAG"),
    *("attach", "attach_changed", "cut_tags", "find_or_create_experiment", "find_runs"),
    *("group_runs", "keep_one"),
    *("log", "log_frames", "name_trial", "set_status"),
]

STUDY_TAG = "hpsearch.study"
TRIAL_TAG = "hpsearch.trial"
PARENT_TAG = "mlflow.parentRunId"
# Written last: a run that carries it lacks nothing.
SHOWN_TAG = "hpsearch.shown"

# Opens MLflow's pages for training rather than those for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
_TRIAL_NAME = re.compile(r"trial (\d{4,})")

# Those that MLflow gives every run by itself.
_MLFLOW_TAGS = frozenset({"mlflow.runName", "mlflow.user", PARENT_TAG})
# MLflow's limits for one log_batch call, and for a tag.
_MAX_METRICS = 1000
_MAX_TAG_LENGTH = 5000


def find_or_create_experiment(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """The id of the experiment `name`; if it was deleted, it is restored."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = artifacts.as_uri() if artifacts else None
        return str(
            client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS)
        )
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def name_trial(number: int) -> str:
    """The name of a trial's run."""
    return f"trial {number:04d}"


def find_runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    """All runs of the experiment, oldest first."""
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id], order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def group_runs(runs: Iterable[Run], study: str) -> dict[int | None, list[Run]]:
    """The study's runs by number of trial; None for the study itself. Others are left out.

    A run that has lost its tags is recognised by its name.
    """
    groups: dict[int | None, list[Run]] = {}
    for run in runs:
        name, tags = run.info.run_name or "", run.data.tags
        if tags.get(STUDY_TAG, study) != study:
            continue
        number = tags.get(TRIAL_TAG, "")
        named = number if number.isdigit() else "".join(_TRIAL_NAME.findall(name))
        if named:
            groups.setdefault(int(named), []).append(run)
        elif name == study or (STUDY_TAG in tags and PARENT_TAG not in tags):
            groups.setdefault(None, []).append(run)
    return groups


def keep_one(client: MlflowClient, runs: Sequence[Run], created_with: Container[str]) -> Run:
    """Of several runs for one thing the one to go on with; bare others are deleted.

    MLflow's client repeats a ``runs/create`` whose answer was lost. The first try then leaves
    a run behind that nobody writes to. One with anything in it is left alone.

    Parameters
    ----------
    client : MlflowClient
        MLflow.
    runs : sequence of Run
        At least one.
    created_with : container of str
        Names of the tags that a run is created with.
    """

    def is_bare(run: Run) -> bool:
        data = run.data
        return not (
            data.metrics
            or data.params
            or any(tag not in created_with and tag not in _MLFLOW_TAGS for tag in data.tags)
            or client.list_artifacts(run.info.run_id)
        )

    if len(runs) == 1:
        return runs[0]
    bare = {run.info.run_id: is_bare(run) for run in runs}
    kept, *others = sorted(
        runs, key=lambda run: (bare[run.info.run_id], run.info.start_time, run.info.run_id)
    )
    for run in others:
        if bare[run.info.run_id]:
            client.delete_run(run.info.run_id)
    return kept


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
        tags=[RunTag(name, value) for name, value in cut_tags(tags or {}).items()],
        synchronous=True,
    )
    for start in range(0, len(rest), _MAX_METRICS):
        client.log_batch(run_id, metrics=rest[start : start + _MAX_METRICS], synchronous=True)


def cut_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags`, none longer than MLflow takes."""
    return {name: value[:_MAX_TAG_LENGTH] for name, value in tags.items()}


def attach(
    client: MlflowClient, run_id: str, files: Sequence[Path], *, replace: bool = False
) -> None:
    """Upload those of `files` that the run does not have yet, or has half of; or all."""
    if not files:
        return
    there = {} if replace else {i.path: i.file_size for i in client.list_artifacts(run_id)}
    for path in files:
        if path.exists() and there.get(path.name) != path.stat().st_size:
            client.log_artifact(run_id, str(path))


def attach_changed(client: MlflowClient, run_id: str, files: Sequence[Path]) -> list[str]:
    """Upload those of `files` that the run does not have with the same content; their names."""
    changed = [path for path in files if path.exists() and not _has_copy(client, run_id, path)]
    for path in changed:
        client.log_artifact(run_id, str(path))
    return [path.name for path in changed]


def _has_copy(client: MlflowClient, run_id: str, path: Path) -> bool:
    there = {item.path: item.file_size for item in client.list_artifacts(run_id)}
    if there.get(path.name) != path.stat().st_size:
        return False
    with tempfile.TemporaryDirectory() as folder:
        copy = client.download_artifacts(run_id, path.name, folder)
        return Path(copy).read_bytes() == path.read_bytes()


def log_frames(
    client: MlflowClient, run_id: str, key: str, frames: Mapping[int, NDArray[np.uint8]]
) -> None:
    """Log pictures that the run's page steps through; those that it has are left alone."""
    there = {Path(item.path).name for item in client.list_artifacts(run_id, "images")}
    for step, frame in frames.items():
        if not any(name.startswith(f"{key}+step+{step}+") for name in there):
            client.log_image(run_id, frame, key=key, step=step, synchronous=True)


def set_status(
    client: MlflowClient, run_id: str, before: str, status: str, end_time_ms: int | None
) -> None:
    """Give a run a status, with its end time if it has ended."""
    if status == "RUNNING":
        if before != status:
            client.update_run(run_id, status=status)
    else:
        client.set_terminated(run_id, status, end_time_ms)
