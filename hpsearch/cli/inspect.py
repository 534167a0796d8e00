"""``hpsearch status``: a study's status, read only."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.terminal.console import make_console
from hpsearch.cli.options import JsonOption, StorageOption, StudyArgument, WorkspaceOption
from hpsearch.cli.watching import tabulate_status, watch_study
from hpsearch.engine.status import read_status
from hpsearch.foundations.errors import UsageError

__all__ = ["status"]


def status(
    study: StudyArgument,
    as_json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Redraw until the study is no longer run, or Ctrl-C.")
    ] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Show how a study stands.

    Example: hpsearch status quickstart --watch
    """
    if as_json and watch:
        raise UsageError("--json, --watch: expected one of the two, got both")
    options = make_options(workspace, storage=storage)
    search, folder = open_recorded_study(study, options)
    if as_json:
        print(json.dumps(read_status(search, folder, check=True).as_json(), indent=2))
    elif watch:
        watch_study(search, folder)
    else:
        make_console().print(tabulate_status(search, folder, check=True))
