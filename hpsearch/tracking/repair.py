"""Repair of runs, files and models in MLflow that differ from the record."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from hpsearch.tracking.registry import find_fault, find_version
from hpsearch.tracking.runs import SHOWN_TAG, attach_changed, cut_tags, log
from hpsearch.tracking.terms import Point
from hpsearch.tracking.views import ModelView

__all__ = ["Expected", "Repairer", "newest_points"]


@dataclass(frozen=True)
class Expected:
    """Content that a run must have, according to the record.

    Parameters
    ----------
    params : mapping
        All parameters in the record.
    points : sequence of Point
        All points of its metrics.
    tags : mapping
        Its tags.
    status : str
        Its status in MLflow.
    defaults : mapping
        Tags that it must have with any value, and their values if they are missing.
    metrics : mapping
        Metrics of which only the newest value is compared, at step 0.
    absent : collection of str
        Tags that it must not have.
    """

    params: Mapping[str, Any]
    points: Sequence[Point]
    tags: Mapping[str, str]
    status: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    absent: Collection[str] = ()


class Repairer:
    """Compares runs, files and the registered model with the record, and notes what differs.

    MLflow can neither change a parameter nor delete a point of a metric: a run that contradicts
    the record is deleted (MLflow keeps deleted runs), for the caller to create another.

    Parameters
    ----------
    client : MlflowClient
        MLflow.

    Attributes
    ----------
    repairs : list of str
        What differed, a line each.
    """

    def __init__(self, client: MlflowClient) -> None:
        self.repairs: list[str] = []
        self._client = client

    def check_run(self, what: str, run: Run, expected: Expected) -> dict[str, str] | None:
        """Delete `run` if it contradicts the record.

        Returns
        -------
        dict or None
            The tags that others gave it, for the run that replaces it; None if it is kept.
        """
        difference = _compare(self._client, run, expected)
        if not difference.false:
            self._note(what, difference.missing, "written")
            if difference.tags:
                log(self._client, run.info.run_id, tags=difference.tags)
            for name in difference.superfluous:
                self._client.delete_tag(run.info.run_id, name)
            self._note(what, [f"tag {name}" for name in difference.superfluous], "deleted")
            return None
        self._client.delete_run(run.info.run_id)
        self._note(what, difference.false, "contradicted the record, run created again")
        theirs = run.data.tags.keys() - {*expected.tags, *expected.absent, SHOWN_TAG}
        return {name: run.data.tags[name] for name in theirs if not name.startswith("mlflow.")}

    def delete_others(self, kept: Run, runs: Sequence[Run]) -> None:
        """Delete all of `runs`, duplicates of each other, except `kept`."""
        for run in runs:
            if run.info.run_id != kept.info.run_id:
                self._client.delete_run(run.info.run_id)
                self._note(str(kept.info.run_name), [f"second run {run.info.run_id}"], "deleted")

    def note_created(self, what: str) -> None:
        """Note that `what` had no run."""
        self.repairs.append(f"{what}: run created")

    def attach(self, what: str, run_id: str, files: Sequence[Path]) -> None:
        """Upload those of `files` that the run lacks or has with different content."""
        self._note(what, attach_changed(self._client, run_id, files), "uploaded")

    def check_model(self, name: str, run_id: str, view: ModelView) -> None:
        """Delete the registered version of the model if it is faulty."""
        registered = find_version(self._client, name, view.sha256)
        if registered is None:
            self.repairs.append(f"model {name}: registered")
        elif fault := find_fault(self._client, registered, run_id, view):
            self._client.delete_model_version(name, str(registered.version))
            self.repairs.append(
                f"model {name}, version {registered.version}: {fault}, registered again"
            )

    def _note(self, what: str, names: Sequence[str], how: str) -> None:
        if names:
            self.repairs.append(f"{what}: {', '.join(names)} {how}")


def newest_points(client: MlflowClient, run: Run, metrics: Mapping[str, float]) -> list[Point]:
    """Make points by which `metrics` become the newest values of `run`, where they are not yet."""
    points = []
    for name, value in metrics.items():
        if run.data.metrics.get(name) != value:
            times_ms = [point[2] + 1 for point in _read_points(client, run, name)]
            points.append((name, value, max(int(time.time() * 1000), *times_ms, 0), 0))
    return points


@dataclass(frozen=True)
class _Difference:
    """How a run differs from the record.

    Parameters
    ----------
    false : tuple of str
        Parameters and metrics that contradict it. MLflow can neither change nor delete those.
    missing : tuple of str
        Missing content, which can be written to the run.
    tags : mapping
        The missing tags.
    superfluous : tuple of str
        Tags that can be deleted from it.
    """

    false: tuple[str, ...]
    missing: tuple[str, ...]
    tags: Mapping[str, str]
    superfluous: tuple[str, ...]


def _compare(client: MlflowClient, run: Run, expected: Expected) -> _Difference:
    """Compare parameters, metrics, tags and status of `run`; ignore what others added."""
    false, missing = [], []
    for name, value in expected.params.items():
        shown = run.data.params.get(name)
        if shown is None:
            missing.append(name)
        elif shown != str(value):
            false.append(name)
    for name in dict.fromkeys(name for name, *_ in expected.points):
        wanted = {point for point in expected.points if point[0] == name}
        there = _read_points(client, run, name)
        if there - wanted or (there and run.data.metrics.get(name) != _last(there)):
            false.append(name)
        elif wanted - there:
            missing.append(name)
    for name, number in expected.metrics.items():
        if any(step for *_, step in _read_points(client, run, name)):
            false.append(name)
        elif run.data.metrics.get(name) != number:
            missing.append(name)
    tags = _find_missing_tags(run, expected)
    missing += [f"tag {name}" for name in tags]
    if run.info.status != expected.status:
        missing.append(f"status {expected.status}")
    superfluous = tuple(name for name in sorted(expected.absent) if name in run.data.tags)
    return _Difference(tuple(false), tuple(missing), tags, superfluous)


def _find_missing_tags(run: Run, expected: Expected) -> dict[str, str]:
    there = run.data.tags
    tags = cut_tags({**expected.defaults, **expected.tags})
    return {
        name: value
        for name, value in tags.items()
        if there.get(name) != value and (name in expected.tags or name not in there)
    }


def _read_points(client: MlflowClient, run: Run, name: str) -> set[Point]:
    if name not in run.data.metrics:
        return set()
    history = client.get_metric_history(run.info.run_id, name)
    return {(name, point.value, point.timestamp, point.step) for point in history}


def _last(points: set[Point]) -> float:
    """Return the value that MLflow shows: of the highest step, then time, then value."""
    return max((step, ms, value) for _, value, ms, step in points)[2]
