"""Sections of a study's page with an interactive figure, or the reason why there is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from plotly.graph_objects import Figure
from plotly.io import to_json

from hpsearch.engine.records import SESSIONS, State
from hpsearch.engine.search import Importance, measure_importances
from hpsearch.engine.selection import group_ablation
from hpsearch.report import progress_figures, search_figures, texts
from hpsearch.report.material import Material
from hpsearch.report.timeline import draw_timeline

__all__ = ["PlotSection", "draw_sections", "draw_slices", "draw_timeline_section", "embed_json"]

# With fewer validation examples most differences between scores are noise.
_MIN_EXAMPLES = 100


@dataclass(frozen=True)
class PlotSection:
    """A section of the page: heading, what the figure shows, the figure, how to read it."""

    heading: str
    text: str = ""
    figure: Figure | dict[str, Any] | None = None
    note: str = ""

    @property
    def json(self) -> Markup:
        """The figure as JSON for the page's script."""
        return embed_json(self.figure)


def embed_json(value: Any) -> Markup:
    """Encode a value as JSON for the page's scripts, with `<` escaped, which could end them."""
    return Markup(str(to_json(value, validate=False)).replace("<", "\\u003c"))


def draw_sections(material: Material) -> Iterator[PlotSection]:
    """Draw the figures of the whole study for which there are enough trials."""
    records, search = material.records, material.search
    if material.best:
        figure, is_split = progress_figures.draw_best_so_far(
            records, material.definition.threads_per_trial
        )
        yield PlotSection(
            "Progress", texts.describe_progress(material), figure, texts.note_progress(is_split)
        )
    if any(record.val_scores for record in records):
        note = "Orange: the best trial. Blue: complete. Grey: pruned or failed."
        figure = progress_figures.draw_learning_curves(records, material.best)
        yield PlotSection("Learning curves", texts.describe_curves(material), figure, note)
    names = list(material.definition.search.space.searched())
    complete = material.of_state(State.COMPLETE)
    if material.definition.search.sampler.name == "ablation":
        yield from _draw_ablation(material)
        return
    if len(complete) > 1 and (
        parallel := search_figures.draw_parallel(search.optuna_study, names, complete)
    ):
        note = "A line for each complete trial. Orange: the best. Blue: the next best."
        yield PlotSection("Parallel coordinates", "", parallel, note)
    if complete and len(names) > 1:
        yield from _draw_importances(material)


def _draw_importances(material: Material) -> Iterator[PlotSection]:
    """Draw importances and the contour plot of the two largest, if they can be estimated."""
    n_examples = material.status.n_validation
    importances: Mapping[str, Importance] = {}
    if n_examples is None or n_examples >= _MIN_EXAMPLES:
        importances = measure_importances(material.search.optuna_study)
    if not importances:
        n_complete = len(material.of_state(State.COMPLETE))
        text = texts.explain_no_importances(n_complete, n_examples, _MIN_EXAMPLES)
        yield PlotSection("Importances", text)
        return
    note = "PED-ANOVA over the complete trials; lines are 90 % bootstrap intervals."
    figure = search_figures.draw_importances(importances)
    yield PlotSection("Importances", texts.describe_importances(importances), figure, note)
    first, second = list(importances)[:2]
    contour = search_figures.draw_contour(material.search.optuna_study, first, second)
    if contour:
        metric = material.definition.metric
        text = f"{metric.val_name} over the two most important hyperparameters."
        note = "Interpolated between the complete trials, the dots; darker is better."
        yield PlotSection("Contour", text, contour, note)


def _draw_ablation(material: Material) -> Iterator[PlotSection]:
    whole, without = group_ablation(material.records)
    if whole and without:
        metric = material.definition.metric
        note = "Dots are seeds, bars their means; grey: the seeds of the whole setting."
        figure = search_figures.draw_ablation(whole, without, metric)
        text = texts.describe_ablation(whole, without, metric)
        yield PlotSection("Ablation", text, figure, note)


def draw_slices(material: Material) -> Iterator[PlotSection]:
    """Draw the scores over each hyperparameter."""
    if material.of_state(State.COMPLETE):
        space = material.definition.search.space
        for name in space.searched():
            figure = search_figures.draw_slice(name, space, material.records, material.best)
            yield PlotSection(name, "", figure)


def draw_timeline_section(material: Material) -> PlotSection | None:
    """Draw the timeline of the trials with times; None without any."""
    timed = [record for record in material.records if record.started_at and record.ended_at]
    if not timed:
        return None
    sessions = (material.search.attribute(SESSIONS) or {}).values()
    n_workers = max((int(one["n_jobs"]) for one in sessions), default=1)
    figure, busy = draw_timeline(timed, n_workers)
    text = texts.describe_occupancy(n_workers, busy)
    return PlotSection("Timeline", text, figure, texts.describe_timeline(timed))
