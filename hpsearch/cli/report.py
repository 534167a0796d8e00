"""``hpsearch report``: the study's page."""

import contextlib
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.terminal.console import say
from hpsearch.cli.options import StorageOption, StudyArgument, WorkspaceOption
from hpsearch.engine.scheduling import find_prepared
from hpsearch.engine.search import import_importances
from hpsearch.foundations.errors import MachineError, UsageError
from hpsearch.foundations.files import expand

__all__ = ["report"]


def report(
    study: StudyArgument,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write.  [default: in the study's folder]"),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Write a study's page: one HTML file with all that was found, to read or to send.

    Example: hpsearch report quickstart --open
    """
    import_importances()
    from hpsearch.report.page import write_report  # imports plotly and matplotlib, for a second

    out = expand(out) if out else None
    options = make_options(workspace, storage=storage)
    search, folder = open_recorded_study(study, options)
    path = (out or folder.report).resolve()
    if out is None:
        folder.create()  # with --storage the study may have run in another workspace
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(f"--out {out}: expected the name of a file in a folder that exists")
    data = None
    with contextlib.suppress(MachineError, UsageError):  # the trainer cannot be imported here
        data = find_prepared(search.definition, options.workspace.data)
    say(write_report(search, folder, data, path))
    if opens:
        webbrowser.open(path.as_uri())
