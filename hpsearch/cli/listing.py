"""``hpsearch list``: the studies of a workspace, and the study files that can be run."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.terminal.console import make_console
from hpsearch.cli.options import JsonOption, StorageOption, WorkspaceOption
from hpsearch.engine.definition import list_study_files, load_definition
from hpsearch.engine.scheduling import RunOptions
from hpsearch.engine.search import list_study_names, open_storage
from hpsearch.engine.status import Status, read_status
from hpsearch.foundations.errors import HpsearchError
from hpsearch.foundations.text import shorten_age

__all__ = ["list_studies"]

_STYLES = {"complete": "green", "running": "cyan", "stopped": "yellow", "unreadable": "red"}


def list_studies(
    as_json: JsonOption = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """List the studies of a workspace, and the study files that there are to run.

    Example: hpsearch list
    """
    options = make_options(workspace, storage=storage)
    studies = [_describe(name, options) for name in _list_names(options)]
    files = [_describe_file(stem, path) for stem, path in list_study_files().items()]
    if as_json:
        print(json.dumps({"studies": [one.as_json() for one in studies], "files": files}, indent=2))
        return
    console = make_console()
    if studies:
        console.print(_tabulate_studies(studies))
    else:
        console.print(
            f"no study has run in {options.workspace.root} yet", markup=False, soft_wrap=True
        )
    for study in studies:
        if isinstance(study, _Unreadable):
            console.print(study.reason, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(_tabulate_files(files))


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
    return described | {"trials": definition.trials, "description": definition.description}


def _tabulate_studies(studies: list[Status | _Unreadable]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("study", overflow="fold")
    table.add_column("state")
    for name in ("trials", "best", "test"):
        table.add_column(name, justify="right")
    table.add_column("changed", no_wrap=True)
    for study in studies:
        state = Text(study.state, _STYLES[study.state])
        if isinstance(study, _Unreadable):
            table.add_row(study.study, state)
            continue
        best, changed_at = study.best, study.changed_at
        tests = [one.evaluation for one in study.evaluations]
        table.add_row(
            study.study,
            state,
            f"{study.trials.ended}/{study.trials.total}",
            f"{best.value:.4f}" if best else "-",
            f"{tests[-1].scores[tests[-1].metric.name]:.4f}" if tests else "-",
            shorten_age(datetime.fromisoformat(changed_at), datetime.now()) if changed_at else "-",
        )
    return table


def _tabulate_files(files: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("to run", overflow="fold")
    table.add_column("trials", justify="right")
    table.add_column("description", overflow="fold")
    for file in files:
        trials, text = file.get("trials", "-"), file.get("description", file.get("reason", ""))
        table.add_row(f"hpsearch run {file['name']}", str(trials), Text(text))
    return table
