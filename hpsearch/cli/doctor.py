"""``hpsearch doctor``: check of the environment before a long run."""

import dataclasses
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hpsearch.api.doctor import Finding, examine
from hpsearch.api.locations import make_options, repeat_options
from hpsearch.api.terminal.console import make_console
from hpsearch.cli.options import (
    BackendOption,
    DataDirOption,
    DevicesOption,
    JsonOption,
    StorageOption,
    StudyFileArgument,
    TrackingOption,
    WorkspaceOption,
    split_devices,
)
from hpsearch.engine.definition import find_study_file, load_definition

__all__ = ["doctor"]

_RUN_OPTIONS = ("--jobs", "--backend", "--devices", "--data-dir", "--storage", "--tracking-uri")
_STYLES = {"ok": "green", "!": "yellow", "x": "bold red"}


def doctor(
    study: StudyFileArgument = "quickstart",
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Trials at a time.  [default: cores]")
    ] = None,
    backend: BackendOption = "loky",
    devices: DevicesOption = "",
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look over all that a run needs, before it: versions, cores, disk, data, stores, workers.

    Leaves nothing behind. Exits with the code that the run would fail with, or 0.

    Example: hpsearch doctor cifar10 --backend dask
    """
    definition = load_definition(find_study_file(study))
    options = dataclasses.replace(
        make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri),
        n_jobs=jobs,
        backend=backend,
        devices=split_devices(devices),
    )
    console, findings = make_console(), []
    for finding in examine(definition, options):
        findings.append(finding)
        if not as_json:
            _print(console, finding)
    code = max(finding.exit_code for finding in findings)
    if as_json:
        print(json.dumps({"exit_code": code, "findings": list(map(asdict, findings))}, indent=2))
        raise typer.Exit(code)
    if code:
        raise typer.Exit(code)
    console.print(
        f"next:  hpsearch run {study}" + repeat_options(options, *_RUN_OPTIONS),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _print(console: Console, finding: Finding) -> None:
    style = _STYLES[finding.mark]
    advice = f"; {finding.advice}" if finding.advice else ""
    console.print(
        f"[{style}]{finding.mark:2}[/] {finding.topic:<9}",
        end=" ",
        soft_wrap=True,
        highlight=False,
        markup=True,
    )
    console.print(f"{finding.text}{advice}", soft_wrap=True, highlight=False, markup=False)
