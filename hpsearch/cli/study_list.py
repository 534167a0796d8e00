"""``hpsearch list``: the studies of a workspace, and the study files not run there."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.terminal.console import make_console
from hpsearch.api.terminal.running import GAP, fit_columns
from hpsearch.cli.options import JsonOption, StorageOption, WorkspaceOption
from hpsearch.engine.definition import list_study_files, load_definition
from hpsearch.engine.scheduling import RunOptions
from hpsearch.engine.search import list_study_names, open_storage
from hpsearch.engine.status import Status, read_status
from hpsearch.foundations.errors import HpsearchError
from hpsearch.foundations.text import shorten_age

__all__ = ["list_studies"]

_STYLES = {
    "not started": "dim",
    "running": "cyan",
    "interrupted": "yellow",
    "complete": "green",
    "unreadable": "red",
}
_COLUMNS = ("study", "state", "trials", "best", "test", "changed")
_NUMBERS = ("trials", "best", "test")
_MIN_DESCRIPTION = 24


def list_studies(
    as_json: JsonOption = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """List all studies, those in the workspace and those that can be run, with their state.

    Example: hpsearch list
    """
    options = make_options(workspace, storage=storage)
    studies = [_describe(name, options) for name in _list_names(options)]
    files = [_describe_file(stem, path) for stem, path in list_study_files().items()]
    if as_json:
        print(json.dumps({"studies": [one.as_json() for one in studies], "files": files}, indent=2))
        return
    console = make_console()
    console.print(_tabulate(studies, _find_not_started(studies, files), console.width))
    for study in studies:
        if isinstance(study, _Unreadable):
            console.print(study.reason, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print("next:  hpsearch run STUDY", markup=False, highlight=False)


@dataclass(frozen=True)
class _Unreadable:
    """A study that cannot be read."""

    study: str
    reason: str
    state = "unreadable"

    def as_json(self) -> dict[str, Any]:
        return {"study": self.study, "state": self.state, "reason": self.reason}


def _list_names(options: RunOptions) -> list[str]:
    if options.storage_url is None:
        return options.workspace.recorded_names()
    # The path is only used for a journal, that is without a URL.
    return list_study_names(open_storage(options.storage_url, Path()))


def _describe(name: str, options: RunOptions) -> Status | _Unreadable:
    """Describe a study, or why it cannot be read, so that the others are still listed."""
    try:
        return read_status(*open_recorded_study(name, options))
    except HpsearchError as error:
        return _Unreadable(name, str(error))


def _describe_file(stem: str, path: Path) -> dict[str, Any]:
    described = {"name": stem, "path": str(path)}
    try:
        definition = load_definition(path)
    except HpsearchError as error:
        return described | {"state": "unreadable", "reason": str(error)}
    return described | {
        "study": definition.name,
        "trials": definition.trials,
        "description": definition.description,
    }


def _find_not_started(
    studies: list[Status | _Unreadable], files: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Find the files whose study is not in the workspace."""
    known = {study.study for study in studies}
    return [file for file in files if file.get("study", file["name"]) not in known]


def _tabulate(
    studies: list[Status | _Unreadable], files: list[dict[str, Any]], width: int
) -> Table:
    """Tabulate each study once: those of the workspace, then those not started."""
    rows = [*map(_make_row, studies), *map(_make_row_of_file, files)]
    columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {}
    kept = fit_columns(columns, width, n_always=3)
    used = sum(max(map(len, (name, *cells))) + GAP for name, cells in kept.items())
    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim", pad_edge=False)
    for name in kept:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    texts = [""] * len(studies) + [one.get("description", one.get("reason", "")) for one in files]
    has_room = len(kept) == len(columns) and width - used >= _MIN_DESCRIPTION
    if has_room:
        table.add_column("description", overflow="fold")
    for (name, state, *others), text in zip(zip(*kept.values(), strict=True), texts, strict=True):
        shown = [Text(name), Text(state, _STYLES[state]), *others]
        table.add_row(*shown, *([Text(text)] if has_room else []))
    return table


def _make_row(study: Status | _Unreadable) -> tuple[str, ...]:
    if isinstance(study, _Unreadable):
        return (study.study, study.state, "-", "-", "-", "-")
    best, changed_at = study.best, study.changed_at
    tests = [one.evaluation for one in study.evaluations]
    return (
        study.study,
        study.state,
        f"{study.trials.ended}/{study.trials.total}",
        f"{best.value:.4f}" if best else "-",
        f"{tests[-1].scores[tests[-1].metric.name]:.4f}" if tests else "-",
        shorten_age(datetime.fromisoformat(changed_at), datetime.now()) if changed_at else "-",
    )


def _make_row_of_file(file: dict[str, Any]) -> tuple[str, ...]:
    trials = f"0/{file['trials']}" if "trials" in file else "-"
    return (file["name"], file.get("state", "not started"), trials, "-", "-", "-")
