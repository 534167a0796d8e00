"""``hpsearch status`` and ``hpsearch ui``: looking, never changing."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from hpsearch.cli.options import (
    StorageOption,
    StudyArgument,
    TrackingOption,
    WorkspaceOption,
    make_options,
    open_recorded_study,
)
from hpsearch.coordinator import tracking_store
from hpsearch.errors import UsageError
from hpsearch.results import describe_verdict, read_verdict
from hpsearch.status import read_status
from hpsearch.tracking import trials_page
from hpsearch.wording import shorten_duration, shorten_number

__all__ = ["status", "ui"]


def status(
    study: StudyArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Show how a study stands.

    Example: hpsearch status quickstart --json
    """
    options = make_options(workspace, storage=storage)
    search, folder = open_recorded_study(study, options)
    value = read_status(search, folder)
    if as_json:
        print(json.dumps(value, indent=2))
    else:
        Console().print(_tabulate(value, describe_verdict(read_verdict(search))))


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
        print(f"The tracking server is at {tracking_uri}")
        return
    if not tracking_uri and not options.workspace.mlflow_db.exists():
        raise UsageError(
            f"{options.workspace.root}: expected a workspace in which a study has run; "
            "python scripts/run_study.py runs one"
        )
    print(f"MLflow at http://127.0.0.1:{port}  (Ctrl-C ends it)")
    for name in options.workspace.study_names():
        search, _ = open_recorded_study(name, options)
        if address := read_status(search, options.workspace.study(name))["mlflow"]:
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


def _tabulate(value: dict[str, Any], verdict: Sequence[str]) -> Table:
    trials, cost, best, disk = value["trials"], value["cost"], value["best"], value["disk"]
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a hash is whole or of no use
    table.add_row("study", value["study"] + (" (complete)" if value["complete"] else ""))
    table.add_row("trials", ", ".join(f"{n} {state}" for state, n in trials.items()))
    if best:
        table.add_row("best", f"trial {best['number']}, val_accuracy {best['value']:.4f}")
        table.add_row(
            "", "  ".join(f"{name}={shorten_number(v)}" for name, v in best["params"].items())
        )
        table.add_row("net", best["net_sha256"])
    for index, line in enumerate(verdict):
        table.add_row("" if index else "verdict", line)
    if due := value["confirm"]["due"]:
        table.add_row("confirm", f"still to be trained: {due}")
    for look in value["test"]["looks"] or ():
        table.add_row(
            "test", f"{look['accuracy']:.4f} on {look['n']:,} images, {look['net_sha256'][:12]}"
        )
    if not value["test"]["looks"]:
        table.add_row("test", "not looked at")
    table.add_row(
        "core time",
        f"{shorten_duration(cost['training'])} in training"
        f" ({shorten_duration(cost['pruned'])} of it in pruned trials),"
        f" {shorten_duration(cost['overhead'])} besides",
    )
    table.add_row(
        "lag",
        f"{cost['waited_for_lag_share']:.1%} of the workers' time they were free"
        " and no trial might start yet, as it must know earlier ones",
    )
    table.add_row(
        "disk",
        f"{decimal(disk['total'])}, of it {decimal(disk['checkpoints'])}"
        f" in {disk['n_checkpoints']} checkpoints",
    )
    table.add_row("fingerprint", value["fingerprint"])
    return table
