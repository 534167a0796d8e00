"""``hpsearch status`` and ``hpsearch ui``: looking, never changing."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import (
    JsonOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    WorkspaceOption,
    make_options,
    open_recorded_study,
)
from hpsearch.cli.terminal import make_console, say
from hpsearch.cli.watching import tabulate_status, watch_study
from hpsearch.coordinator import tracking_store
from hpsearch.errors import HpsearchError, UsageError
from hpsearch.status import read_status
from hpsearch.tracking import trials_page

__all__ = ["status", "ui"]


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
        print(json.dumps(read_status(search, folder), indent=2))
    elif watch:
        watch_study(search, folder)
    else:
        make_console().print(tabulate_status(search, folder))


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5000,
    workspace: WorkspaceOption = Path("workspace"),
    tracking_uri: TrackingOption = None,
) -> None:
    """Browse all studies of a workspace in MLflow, until Ctrl-C.

    Example: hpsearch ui --port 5001
    """
    options = make_options(workspace, tracking_uri=tracking_uri)
    if tracking_uri and tracking_uri.startswith("http"):
        say(f"The tracking server is at {tracking_store(options).shown()}")
        return
    if not tracking_uri and not options.workspace.mlflow_db.exists():
        raise UsageError(
            f"{options.workspace.root}: expected a workspace in which a study has run; "
            "hpsearch run starts one"
        )
    print(f"MLflow at http://127.0.0.1:{port}  (Ctrl-C ends it)")
    for name in options.workspace.recorded_names():
        with suppress(HpsearchError):  # one that cannot be read hides no other
            address = read_status(*open_recorded_study(name, options))["mlflow"]
            if not address:
                continue
            page = trials_page(address["experiment_id"])
            print(f"  {name}: http://127.0.0.1:{port}/{page}")
    sys.stdout.flush()
    store = tracking_store(options)
    environment = {
        # Only for work that models do on the server; it would cost 13 more processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    os.execve(
        sys.executable,
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        + ["--workers", "1", "--backend-store-uri", store.uri]
        + (["--artifacts-destination", str(store.artifacts)] if store.artifacts else []),
        {**environment, **os.environ},
    )
