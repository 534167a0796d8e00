"""Rendering of the page as one self-contained file, which fetches nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from plotly.graph_objects import Figure
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from hpsearch.datasets import PreparedData, open_folds, open_validation
from hpsearch.engine.definition import format_definition
from hpsearch.engine.records import SESSIONS, State
from hpsearch.engine.search import SearchStudy, measure_importances
from hpsearch.engine.selection import Examination, diagnose, examine, examine_folds, group_ablation
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import write_atomically
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.png import encode_drawing
from hpsearch.foundations.text import shorten_number
from hpsearch.foundations.versions import code_version, package_versions
from hpsearch.report import course, images, space, wording
from hpsearch.report.figure import describe_trial
from hpsearch.report.material import Material, gather
from hpsearch.trainers import Finding

__all__ = ["write_report"]

_N_MISTAKES = 24


@dataclass(frozen=True)
class Plot:
    """An interactive figure of the page."""

    title: str
    figure: Figure | dict[str, Any]
    note: str = ""

    @property
    def json(self) -> Markup:
        """The figure as JSON for the page's script."""
        return _embed_json(self.figure)


def _embed_json(value: Any) -> Markup:
    """Encode a value as JSON for the page's scripts, with `<` escaped, which could end them."""
    return Markup(str(to_json(value, validate=False)).replace("<", "\\u003c"))


def write_report(
    search: SearchStudy, folder: StudyFolder, data: PreparedData | None, path: Path
) -> Path:
    """Write the page of a study in its present state, complete or not.

    Parameters
    ----------
    search : SearchStudy
        The record.
    folder : StudyFolder
        The study's files.
    data : PreparedData or None
        The prepared images. Without them, or if they are not the study's, the page shows no
        images.
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
    environment = Environment(
        loader=PackageLoader("hpsearch", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = shorten_number
    page = environment.get_template("page.html").render(_collect(gather(search, folder, data)))
    try:
        write_atomically(path, page.encode())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _collect(material: Material) -> dict[str, Any]:
    definition, best = material.definition, material.best
    found = _examine(material)
    return {
        "plotly": Markup(get_plotlyjs()),
        "definition": definition,
        "question": wording.describe_search(material),
        "best": best,
        "answer": wording.answer_lines(material),
        "diagnosis": _diagnose(material),
        "trials": _embed_json({r.number: describe_trial(r) for r in material.records}),
        "plots": list(_draw(material)),
        "slices": list(_draw_slices(material)),
        "timeline": _draw_timeline(material),
        **_show_model(material, found),
        "cost": wording.cost_rows(material.status.cost),
        "lag_share": material.status.cost.waited_for_lag_share,
        "failed": material.of_state(State.FAILED),
        "study_file": format_definition(definition),
        "origin": _list_origin(material),
    }


def _draw(material: Material) -> Iterator[Plot]:
    """Draw the figures of the whole study for which there are enough trials."""
    records, search = material.records, material.search
    if material.best:
        figure = course.draw_best_so_far(records, material.definition.threads_per_trial)
        yield Plot(wording.title_course(material), figure, "Each dot is a trial that ended then.")
    if any(record.val_scores for record in records):
        note = "Orange: the best. Blue: complete. Grey: pruned or failed."
        figure = course.draw_learning_curves(records, material.best)
        yield Plot(wording.title_curves(material), figure, note)
    names = list(material.definition.search.space.searched())
    complete = material.of_state(State.COMPLETE)
    if material.definition.search.sampler.name == "ablation":
        yield from _draw_ablation(material)
    elif len(complete) > 1:
        if parallel := space.draw_parallel(search.optuna_study, names, complete):
            note = "A line for each complete trial. Orange: the best. Blue: the next best."
            yield Plot("All settings at once", parallel, note)
        if importances := measure_importances(search.optuna_study):
            figure = space.draw_importances(importances)
            note = "Optuna's PED-ANOVA over the complete trials; with few of them a rough guess."
            yield Plot(wording.title_importances(importances), figure, note)


def _draw_ablation(material: Material) -> Iterator[Plot]:
    whole, without = group_ablation(material.records)
    if whole and without:
        note = "Dots are seeds, bars their means; grey: the seeds of the whole setting."
        figure = space.draw_ablation(whole, without, material.definition.metric)
        yield Plot(wording.title_ablation(whole, without, material.definition.metric), figure, note)


def _draw_slices(material: Material) -> Iterator[Plot]:
    if material.of_state(State.COMPLETE):
        searched = material.definition.search.space
        for name in searched.searched():
            yield Plot(name, space.draw_slice(name, searched, material.records, material.best))


def _draw_timeline(material: Material) -> Plot | None:
    timed = [record for record in material.records if record.started_at and record.ended_at]
    if not timed:
        return None
    sessions = (material.search.attribute(SESSIONS) or {}).values()
    n_workers = max((int(one["n_jobs"]) for one in sessions), default=1)
    figure = course.draw_timeline(timed, n_workers)
    return Plot(
        wording.title_timeline(material, n_workers), figure, wording.describe_timeline(timed)
    )


def _examine(material: Material) -> Examination | None:
    """Examine the best model on the validation examples; with folds each on those of its fold.

    None without models or examples.
    """
    data, models = material.data, material.fold_models
    if data is None or not data.class_names or not (material.model or models):
        return None
    examples, labels = open_validation(data)
    if models:
        folds = open_folds(data)
        return examine_folds(models, folds, examples, labels, n_mistakes=_N_MISTAKES)
    assert material.model is not None
    return examine(material.model, examples, labels, n_mistakes=_N_MISTAKES)


def _show_model(material: Material, found: Examination | None) -> dict[str, Any]:
    """Collect what the page shows of the best model, or the reason why it shows nothing."""
    model, data = material.model, material.data
    shown: dict[str, Any] = {
        "model_lack": material.model_lack,
        "pictures": [],
        "confusion": None,
        "mistakes": [],
    }
    if data and found:
        figure = images.draw_confusion(found, data.class_names)
        title = wording.title_confusion(found, data.class_names)
        note = wording.describe_confusion(found, len(data.folds))
        shown["confusion"] = Plot(title, figure, note)
        if data.image_shape:
            shown["mistakes"] = list(_show_mistakes(found, data))
    if data and data.schema.task == Task.REGRESSION and material.predictions is not None:
        shown["confusion"] = _plot_predictions(material.predictions, data)
    if model and data:
        shown["pictures"] = [
            {
                "title": name.replace("_", " "),
                "image": images.embed(encode_drawing(picture.drawing)),
                "caption": picture.caption,
            }
            for name, picture in model.trainer.figures(is_best=True).items()
            if not isinstance(picture.drawing, Mapping)
        ]
    return shown


def _plot_predictions(predicted: NDArray[Any], data: PreparedData) -> Plot:
    """Plot predicted values over true ones, on the validation split or out of fold."""
    _, targets = open_validation(data)
    figure = images.draw_predictions(targets, predicted, data.schema.target)
    measured = data.schema.metric.measure(targets, predicted)
    note = ", ".join(f"val_{name} {value:.4g}" for name, value in measured.items())
    return Plot(wording.title_predictions(len(data.folds)), figure, f"{note}.")


def _show_mistakes(found: Examination, data: PreparedData) -> Iterator[dict[str, Any]]:
    names, (pixels, _) = data.class_names, open_validation(data)
    assert data.image_shape is not None
    for mistake in found.mistakes:
        yield {
            "image": images.embed_image(pixels[mistake.index], data.image_shape),
            "label": names[mistake.label],
            "predicted": names[mistake.predicted],
            "probability": f"{mistake.probability:.0%}",
            "index": mistake.index,
        }


def _diagnose(material: Material) -> list[Finding]:
    if material.best is None:
        return []
    found: Sequence[Finding] = ()
    if material.data and (material.fold_models or material.model):
        model = next(iter(material.fold_models), material.model)
        data = material.data.folds[0] if material.data.folds else material.data
        assert model is not None
        found = model.trainer.diagnose(*open_validation(data))
    return diagnose(
        material.epochs,
        material.best.hyperparameters,
        material.definition.search.space,
        found,
        material.definition.metric,
    )


def _list_origin(material: Material) -> dict[str, str]:
    """List the seed, data, trainer and versions that the result depends on, by name."""
    search, best, data = material.search, material.best, material.data
    machine = best.versions if best else {}
    different, source = material.status.differences, material.definition.trainer.source_sha256
    return {
        "seed": str(search.definition.seed),
        "fingerprint": material.status.fingerprint,
        **({"differences": "; ".join(different)} if different else {}),
        "data": f"{data.name}: {data.source}" if data else search.definition.data.source,
        "data checksum": search.data_checksum or "",
        **({"trainer's source": source} if source else {}),
        **({"best model": current.net_sha256 or ""} if (current := material.status.best) else {}),
        "hpsearch": code_version(),
        **(package_versions() | {f"{name} of the best": v for name, v in machine.items()}),
    }
