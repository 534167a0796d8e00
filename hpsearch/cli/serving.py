"""``hpsearch ui``: MLflow's server on a workspace, as a child process."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.publishing.mlflow_publisher import tracking_store
from hpsearch.api.terminal.console import say
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.cli.options import TrackingOption, WorkspaceOption
from hpsearch.engine.scheduling import RunOptions
from hpsearch.engine.status import read_status
from hpsearch.foundations.errors import HpsearchError, StoreError, UsageError
from hpsearch.tracking import TrackingStore, prepare_tracking, study_page

__all__ = ["ui"]

_HOST = "127.0.0.1"
_TICK_S = 0.2


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5000,
    workspace: WorkspaceOption = Path("workspace"),
    tracking_uri: TrackingOption = None,
) -> None:
    """Browse all studies of a workspace in MLflow, until Ctrl-C.

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
    print(f"MLflow at http://{_HOST}:{port}  (Ctrl-C ends it)")
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
