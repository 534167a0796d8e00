"""A page that compares studies: results, cost, best hyperparameters, progress."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hpsearch.engine.records import State
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.text import shorten_duration, shorten_number
from hpsearch.report.material import Material, gather
from hpsearch.report.page import render
from hpsearch.report.progress_figures import draw_progress_of_studies
from hpsearch.report.sections import PlotSection, embed_json

__all__ = ["write_comparison"]


def write_comparison(studies: Sequence[tuple[SearchStudy, StudyFolder]], path: Path) -> Path:
    """Write a page that compares studies, complete or not, side by side.

    Parameters
    ----------
    studies : sequence of (SearchStudy, StudyFolder)
        Two or more studies: record and files.
    path : Path
        The file to write.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    materials = [gather(search, folder, None) for search, folder in studies]
    progress = _draw_progress(materials)
    content = {
        "heading": " and ".join(one.definition.name for one in materials),
        "names": [one.definition.name for one in materials],
        "rows": [(label, [show(one) for one in materials]) for label, show in _ROWS.items()],
        "setting": list(_list_setting(materials)),
        "notes": list(_list_notes(materials)),
        "progress": progress,
        "trial_texts": embed_json({}),
        "contents": ["Studies", *(["Progress"] if progress else []), "Best hyperparameters"],
    }
    return render("comparison.html", content, path)


def _draw_progress(materials: Sequence[Material]) -> PlotSection | None:
    started = [one for one in materials if one.best]
    if not started:
        return None
    figure = draw_progress_of_studies(
        {one.definition.name: (one.records, one.definition.threads_per_trial) for one in started}
    )
    text = "Best validation score so far over the core-seconds of training."
    return PlotSection("Progress", text, figure)


def _show_best(material: Material) -> str:
    best = material.best
    return f"{best.metric.format(best.value)} (trial {best.number})" if best else "-"


def _show_corrected(material: Material) -> str:
    selection, metric = material.verdict.selection, material.definition.metric
    estimate = selection.estimate if selection else None
    if estimate is None:
        return "-"
    interval = f"95 % CI {metric.round(estimate.low)}-{metric.round(estimate.high)}"
    return f"{metric.round(estimate.val_score)} ({interval})"


def _show_test(material: Material) -> str:
    evaluations = material.status.evaluations
    if not evaluations:
        return "not evaluated"
    last = evaluations[-1]
    return f"{last.text}; {last.note}"


_ROWS: dict[str, Callable[[Material], str]] = {
    "description": lambda one: one.definition.description or "-",
    "state": lambda one: one.status.state,
    "trials": lambda one: one.status.trials.describe(),
    "trainer": lambda one: one.definition.trainer.label,
    "data": lambda one: one.definition.data.source,
    "best validation score": _show_best,
    "corrected for selection bias": _show_corrected,
    "test": _show_test,
    "training (core time)": lambda one: shorten_duration(one.status.cost.training),
    "overhead (core time)": lambda one: shorten_duration(one.status.cost.overhead),
    "fingerprint": lambda one: one.status.fingerprint[:12],
}


def _list_setting(materials: Sequence[Material]) -> Iterator[tuple[str, list[str]]]:
    """Yield name and values of the hyperparameters that any study searches or that differ."""
    settings: list[dict[str, Any]] = [
        one.best.hyperparameters if one.best else {} for one in materials
    ]
    searched = {name for one in materials for name in one.definition.search.space.searched()}
    for name in dict.fromkeys(name for setting in settings for name in setting):
        values = [setting.get(name) for setting in settings]
        if name in searched or len(set(map(str, values))) > 1:
            yield name, ["-" if value is None else shorten_number(value) for value in values]


def _list_notes(materials: Sequence[Material]) -> Iterator[str]:
    """Yield what limits the comparison: other metrics, other data, incomplete studies."""
    metrics = {one.definition.metric.val_name for one in materials}
    if len(metrics) > 1:
        yield f"The metrics differ ({', '.join(sorted(metrics))}): scores cannot be compared."
    checksums = {one.search.data_checksum for one in materials}
    if len(checksums) > 1:
        yield "The data differ, so differences between scores may come from them."
    else:
        yield (
            "The data are the same. Differences smaller than the confidence intervals are not "
            "significant."
        )
    for one in materials:
        if not one.of_state(State.COMPLETE):
            yield f"{one.definition.name} has no complete trial yet."
