"""MLflow runs of a study and its trials: found by their tags, created once, written to."""

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
    *(
        "attach",
        "attach_changed",
        "cut_tags",
        "delete_study_runs",
        "find_or_create_experiment",
        "find_runs",
    ),
    *("group_runs", "keep_one"),
    *("log", "log_frames", "name_trial", "set_status"),
]

STUDY_TAG = "hpsearch.study"
TRIAL_TAG = "hpsearch.trial"
PARENT_TAG = "mlflow.parentRunId"
# Written after all that the run has but its final status.
SHOWN_TAG = "hpsearch.shown"

# Opens MLflow's pages for training rather than those for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
_TRIAL_NAME = re.compile(r"trial (\d{4,})")

# Set by MLflow itself on every run.
_MLFLOW_TAGS = frozenset({"mlflow.runName", "mlflow.user", PARENT_TAG})
# One log_batch call takes 1,000 entries, of which 100 parameters and 100 tags; and a tag's limit.
_MAX_METRICS = 800
_MAX_TAG_LENGTH = 5000


def find_or_create_experiment(client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """Return the id of the experiment `name`, which is created or restored if necessary."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = artifacts.as_uri() if artifacts else None
        return str(
            client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS)
        )
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def delete_study_runs(uri: str, study: str) -> int:
    """Delete the runs of `study`, and its experiment if it has no others; return their number."""
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name(study)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        return 0
    runs = list(find_runs(client, experiment.experiment_id))
    own = [run for group in group_runs(runs, study).values() for run in group]
    for run in own:
        client.delete_run(run.info.run_id)
    if len(own) == len(runs):
        client.delete_experiment(experiment.experiment_id)
    return len(own)


def name_trial(number: int) -> str:
    """Return the name of a trial's run."""
    return f"trial {number:04d}"


def find_runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    """Yield all runs of the experiment, oldest first."""
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
    """Group the study's runs by trial number, None for the study itself; leave out others.

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
    """Choose one of several runs of a trial or study; delete the others that are empty.

    MLflow's client repeats a ``runs/create`` whose response was lost. The first request then
    leaves a run that nothing is written to. Runs with any content are not deleted.

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
    """Log metrics, then parameters and tags, in as few requests as MLflow allows.

    Metrics are (name, value, timestamp in ms, step). MLflow stores equal points once, so
    logging them again does no harm.
    """
    points = [Metric(*point) for point in metrics]
    n_before_last = max(0, len(points) - 1) // _MAX_METRICS * _MAX_METRICS
    for start in range(0, n_before_last, _MAX_METRICS):
        client.log_batch(run_id, metrics=points[start : start + _MAX_METRICS], synchronous=True)
    client.log_batch(
        run_id,
        metrics=points[n_before_last:],
        params=[Param(name, str(value)) for name, value in (params or {}).items()],
        tags=[RunTag(name, value) for name, value in cut_tags(tags or {}).items()],
        synchronous=True,
    )


def cut_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Truncate the values of `tags` to the length that MLflow allows."""
    return {name: value[:_MAX_TAG_LENGTH] for name, value in tags.items()}


def attach(
    client: MlflowClient, run_id: str, files: Sequence[Path], *, replace: bool = False
) -> None:
    """Upload those of `files` that the run lacks or has with another size; all if `replace`."""
    if not files:
        return
    there = {} if replace else {i.path: i.file_size for i in client.list_artifacts(run_id)}
    for path in files:
        if path.exists() and there.get(path.name) != path.stat().st_size:
            client.log_artifact(run_id, str(path))


def attach_changed(client: MlflowClient, run_id: str, files: Sequence[Path]) -> list[str]:
    """Upload those of `files` that the run lacks or has changed; return their names."""
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
    """Log images that the run's page steps through, except those logged already."""
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
