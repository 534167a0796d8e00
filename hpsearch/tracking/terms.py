"""The record as MLflow parameters, tags and metric points."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from hpsearch.engine.definition import Choices, Range, StudyDefinition
from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import Metric
from hpsearch.tracking.views import TrialView

__all__ = [
    *("Point", "STATUS", "TRIAL_TAGS", "VERSION_TAG"),
    *("best_so_far", "epoch_points", "fixed_tags", "last_end_ms", "study_params", "training_ms"),
    "trial_tags",
]

# Name, value, time in ms, step.
Point: TypeAlias = tuple[str, float, int, int]

STATUS = {
    State.WAITING: "KILLED",
    State.RUNNING: "RUNNING",
    State.COMPLETE: "FINISHED",
    State.PRUNED: "FINISHED",
    State.FAILED: "FAILED",
}
# Tags that `trial_tags` may return, and the prefix of its tags for versions.
TRIAL_TAGS = frozenset(
    {"state", "pruned", "diverged", "error", "ended_by_machine", "retries", "net_sha256"}
)
VERSION_TAG = "version."
_CODE_TAG = "code_version"


def study_params(definition: StudyDefinition) -> dict[str, Any]:
    """Return the parameters of the study's run, without those that may change, as `trials`."""
    search, data = definition.search, definition.data
    sizes: dict[str, Any]
    shuffled = {} if data.shuffle_seed is None else {"data.shuffle_seed": data.shuffle_seed}
    sizes = {"data.train": data.train, "data.validation": data.validation}
    if data.n_folds:
        sizes = {"data.validation": f"{data.n_folds}-fold cross-validation"}
    return {
        "data.source": data.source,
        **sizes,
        **shuffled,
        "trainer": definition.trainer.path,
        **{
            f"trainer.{key}": _describe_setting(value)
            for key, value in definition.trainer.settings.items()
        },
        "sampler": search.sampler.name,
        "pruner": search.pruner.name,
        "lag": definition.lag,
        **{name: _describe_space(space) for name, space in search.space.searched().items()},
    }


def trial_tags(record: TrialRecord) -> dict[str, str]:
    """Return tags for a trial's state, its reason, and versions; only those that apply."""
    versions = {VERSION_TAG + name: value for name, value in record.versions.items() if value}
    tags = {"state": str(record.state), **versions}
    if record.state == State.PRUNED:
        tags["pruned"] = f"epoch {len(record.val_scores)}"
    if record.diverged:
        tags["diverged"] = "true"
    if record.reason:
        tags["error"] = record.reason
    if record.ended_by_machine:
        tags["ended_by_machine"] = "true"
    if record.retries:
        tags["retries"] = str(len(record.retries))
    if record.net_sha256:
        tags["net_sha256"] = record.net_sha256
    return tags


def fixed_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the study's tags without those for versions, which may differ between runs."""
    return {
        name: value
        for name, value in tags.items()
        if name != _CODE_TAG and not name.startswith(VERSION_TAG)
    }


def epoch_points(epochs: Sequence[Epoch], metric: Metric) -> list[Point]:
    """Return metric points of `epochs` without nan and inf, which stores treat differently."""
    return [
        (name, value, int(epoch.ended_at * 1000), epoch.number)
        for epoch in epochs
        for name, value in _measure(epoch, metric).items()
        if abs(value) < float("inf")
    ]


def _measure(epoch: Epoch, metric: Metric) -> dict[str, float]:
    return {
        **epoch.metrics,
        metric.val_name: epoch.val_score,
        **{f"val_{name}": value for name, value in epoch.val_others.items()},
        "duration_s": epoch.duration_s,
    }


def training_ms(view: TrialView) -> int:
    """Return the trial's training time in ms, without the time for which it was interrupted."""
    return int(1000 * sum(epoch.duration_s for epoch in view.epochs))


def last_end_ms(records: Sequence[TrialRecord]) -> int | None:
    """Return when the last trial ended, in ms since the epoch; None if none has."""
    ends = [record.ended_at.timestamp() for record in records if record.ended_at]
    return int(1000 * max(ends)) if ends else None


def best_so_far(records: Sequence[TrialRecord]) -> list[Point]:
    """Return the best validation score after each trial, up to the first unfinished one."""
    points = []
    best: TrialRecord | None = None
    for record in takewhile(lambda record: record.state.is_finished, records):
        best = best_of([best, record] if best else [record])
        if best and best.value is not None and record.ended_at:
            ms = int(record.ended_at.timestamp() * 1000)
            points.append((f"best_{best.metric.val_name}", best.value, ms, record.number))
    return points


def _describe_setting(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return ", ".join(f"{key} {inner}" for key, inner in value.items())


def _describe_space(space: Range[Any] | Choices[Any]) -> str:
    if isinstance(space, Choices):
        return ", ".join(map(str, space.choices))
    return f"{space.low} to {space.high}" + (", log" if space.log else "")
