"""Rendering of the page as one self-contained file, which fetches nothing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from hpsearch.datasets import PreparedData, open_validation
from hpsearch.engine.definition import format_definition
from hpsearch.engine.records import State
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.selection import diagnose, recommend
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import write_atomically
from hpsearch.foundations.text import shorten_number
from hpsearch.foundations.versions import code_version, package_versions
from hpsearch.report import texts
from hpsearch.report.figure import describe_trial
from hpsearch.report.material import Material, gather
from hpsearch.report.model_section import show_model
from hpsearch.report.sections import (
    draw_sections,
    draw_slices,
    draw_timeline_section,
    embed_json,
)
from hpsearch.report.trial_table import list_columns, list_rows
from hpsearch.trainers import Finding

__all__ = ["render", "write_report"]


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
    return render("page.html", _collect(gather(search, folder, data)), path)


def render(template: str, content: Mapping[str, Any], path: Path) -> Path:
    """Render a template to a file that fetches nothing.

    Parameters
    ----------
    template : str
        A file of this package.
    content : mapping
        The template's variables, without those of ``base.html`` that are the same for all pages.
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
    environment.filters["anchor"] = _make_anchor
    page = environment.get_template(template).render(plotly=Markup(get_plotlyjs()), **content)
    try:
        write_atomically(path, page.encode())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def _make_anchor(heading: str) -> str:
    return re.sub(r"\W+", "-", heading.lower())


def _collect(material: Material) -> dict[str, Any]:
    definition, best, records = material.definition, material.best, material.records
    findings = _diagnose(material)
    names = list(definition.search.space.searched())
    content: dict[str, Any] = {
        "heading": definition.name,
        "definition": definition,
        "question": texts.describe_search(material),
        "best": best,
        "answer": texts.answer_lines(material),
        "recommendations": _recommend(material, findings),
        "diagnosis": findings,
        "trial_texts": embed_json({r.number: describe_trial(r) for r in records}),
        "columns": list_columns(names, records, definition.metric),
        "rows": list_rows(names, records, best),
        "states": sorted({record.state.label for record in records}),
        "plots": list(draw_sections(material)),
        "slices": list(draw_slices(material)),
        "timeline": draw_timeline_section(material),
        **show_model(material),
        "cost": texts.cost_rows(material.status.cost),
        "lag_share": material.status.cost.waited_for_lag_share,
        "failed": material.of_state(State.FAILED),
        "study_file": format_definition(definition),
        "origin": _list_origin(material),
    }
    return content | {"contents": _list_contents(content)}


def _list_contents(content: Mapping[str, Any]) -> list[str]:
    """List the headings of the sections that the page has, in their order."""
    plots = [one.heading for one in content["plots"]]
    headings = {
        "Result": True,
        "Best hyperparameters": content["best"],
        "Recommendation": content["best"],
        **dict.fromkeys(plots[:2], True),
        "Trials": content["rows"],
        **dict.fromkeys(plots[2:], True),
        "Slices": content["slices"],
        "Timeline": content["timeline"],
        "Best model": content["pictures"] or content["model_lack"],
        **({content["predictions"].heading: True} if content["predictions"] else {}),
        "Mistakes": content["mistakes"],
        "Diagnosis": content["diagnosis"],
        "Failures": content["failed"],
        "Cost": True,
        "Reproduction": True,
    }
    return [heading for heading, is_shown in headings.items() if is_shown]


def _recommend(material: Material, findings: Sequence[Finding]) -> list[str]:
    if material.best is None:
        return []
    space, hyperparameters = material.definition.search.space, material.best.hyperparameters
    changes = recommend(findings, material.records, space, hyperparameters)
    advice = [one.advice for one in findings if one.advice]
    return [*map(texts.describe_recommendation, changes), *advice]


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
        material.definition.trainer.load().capacity,
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
