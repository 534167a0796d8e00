"""``hpsearch report`` and ``ui``: a study's page, and MLflow's server as a child process."""

import os
import socket
import subprocess
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.publishing.mlflow_publisher import tracking_store
from hpsearch.api.terminal.console import say
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.cli.options import StorageOption, StudiesArgument, TrackingOption, WorkspaceOption
from hpsearch.engine.scheduling import RunOptions, find_prepared
from hpsearch.engine.search import import_importances
from hpsearch.engine.status import read_status
from hpsearch.foundations.errors import HpsearchError, MachineError, StoreError, UsageError
from hpsearch.foundations.files import expand
from hpsearch.tracking import TrackingStore, prepare_tracking, study_page

__all__ = ["report", "ui"]

_HOST = "127.0.0.1"
_TICK_S = 0.2


def report(
    studies: StudiesArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write.  [default: in the folder of the study or workspace]",
        ),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Write a study's page, one self-contained HTML file; of several studies, a comparison.

    Example: hpsearch report quickstart --open
    """
    import_importances()
    from hpsearch.report.comparison_page import write_comparison  # imports plotly, for a second
    from hpsearch.report.page import write_report

    out = expand(out) if out else None
    options = make_options(workspace, storage=storage)
    opened = [open_recorded_study(study, options) for study in studies]
    search, folder = opened[0]
    default = folder.report if len(opened) == 1 else options.workspace.root / "comparison.html"
    path = (out or default).resolve()
    if out is None:
        folder.create()  # with --storage the study may have run in another workspace
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(f"--out {out}: expected the name of a file in a folder that exists")
    if len(opened) > 1:
        say(write_comparison(opened, path))
    else:
        data = None
        with suppress(MachineError, UsageError):  # the trainer cannot be imported here
            data = find_prepared(search.definition, options.workspace.data)
        say(write_report(search, folder, data, path))
    if opens:
        webbrowser.open(path.as_uri())


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 5000,
    workspace: WorkspaceOption = Path("workspace"),
    tracking_uri: TrackingOption = None,
) -> None:
    """Start MLflow's server on a workspace, until Ctrl-C.

    Example: hpsearch ui --port 5001
    """
    options = make_options(workspace, tracking_uri=tracking_uri)
    store = tracking_store(options)
    if store.is_server:
        say(f"The tracking server is at {store.shown()}")
        return
    if not tracking_uri and not options.workspace.mlflow_db.exists():
        raise UsageError(
            f"{options.workspace.root}: expected a workspace in which a study has run; "
            "hpsearch run starts one"
        )
    _check_port(port)
    prepare_tracking(store)
    print(f"MLflow at http://{_HOST}:{port}  (Ctrl-C stops it)")
    _print_studies(options, port)
    sys.stdout.flush()
    if status := _serve(store, port, context.obj):
        raise StoreError(f"MLflow's server ended with exit status {status}; see above")


def _check_port(port: int) -> None:
    try:
        with socket.create_server((_HOST, port)):
            pass
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # the error's text has the address twice
        raise UsageError(f"--port {port}: cannot be used ({reason}); give another") from error


def _print_studies(options: RunOptions, port: int) -> None:
    for name in options.workspace.recorded_names():
        with suppress(HpsearchError):  # an unreadable study does not hide the others
            if address := read_status(*open_recorded_study(name, options)).mlflow:
                page = study_page(address["experiment_id"])
                print(f"  {name}: http://{_HOST}:{port}/{page}")


def _serve(store: TrackingStore, port: int, interruption: Interruption) -> int:
    """Run MLflow's server until interrupted; return 0, or its status if it ended by itself."""
    command = ["mlflow", "server", "--host", _HOST, "--port", str(port), "--workers", "1"]
    command += ["--app-name", "hpsearch"]
    interruption.begin_study("MLflow's server")
    # In a session of its own, so that Ctrl-C reaches it only once, through this process.
    server = subprocess.Popen(
        [sys.executable, "-m", *command], env=_environment(store), start_new_session=True
    )
    while server.poll() is None:
        if interruption.stop.wait(_TICK_S):
            server.terminate()
            server.wait()
            return 0
    # MLflow ends with 0 even if its server could not start.
    return server.returncode or 1


def _environment(store: TrackingStore) -> dict[str, str]:
    """Pass the store by environment variables: all users can see passwords in a command line."""
    artifacts = {"MLFLOW_ARTIFACTS_DESTINATION": str(store.artifacts)} if store.artifacts else {}
    return {
        # Needed only for jobs of models on the server; it would start 13 more processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": store.uri,
        "MLFLOW_REGISTRY_STORE_URI": store.uri,
        **artifacts,
    }
