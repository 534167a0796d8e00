"""``hpsearch status`` and ``trials``: a study's status and its trials, read only."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.terminal.console import make_console
from hpsearch.cli.options import JsonOption, StorageOption, StudyArgument, WorkspaceOption
from hpsearch.cli.trials_table import tabulate_trials
from hpsearch.cli.watching import tabulate_status, watch_study
from hpsearch.engine.status import read_status
from hpsearch.foundations.errors import UsageError

__all__ = ["status", "trials"]


def status(
    study: StudyArgument,
    as_json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until the run ends, or Ctrl-C.")
    ] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Show a study's status: trials, best model, test evaluations, cost.

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


def trials(
    study: StudyArgument,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a table in CSV.")] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """List a study's trials: state, value, hyperparameters, epochs, duration.

    Example: hpsearch trials quickstart --csv > trials.csv
    """
    if as_json and as_csv:
        raise UsageError("--json, --csv: expected one of the two, got both")
    options = make_options(workspace, storage=storage)
    search, folder = open_recorded_study(study, options)
    if not (as_csv or as_json):
        console = make_console()
        console.print(tabulate_trials(search.records(), search.definition, console.width))
        return
    from hpsearch.api.study import Study  # imports pandas, which no other command needs

    table = Study(search, folder, options).trials()
    if as_csv:
        print(table.to_csv(), end="")
    else:
        rows = table.reset_index().astype(object)
        listed = rows.where(rows.notna(), None).to_dict("records")
        print(
            json.dumps({"study": search.definition.name, "trials": listed}, indent=2, default=str)
        )
