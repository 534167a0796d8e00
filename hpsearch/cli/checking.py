"""``hpsearch doctor`` and ``check-trainer``: checks before a long run."""

import dataclasses
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hpsearch.api.doctor import Finding, examine
from hpsearch.api.locations import make_options, repeat_options
from hpsearch.api.terminal.console import make_console, say
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
from hpsearch.engine.scheduling import check_study_trainer
from hpsearch.foundations.errors import UsageError
from hpsearch.trainers.conformance import Check, describe_guarantees

__all__ = ["check_trainer", "doctor"]

_RUN_OPTIONS = ("--jobs", "--backend", "--devices", "--data-dir", "--storage", "--tracking-uri")
_STYLES = {"ok": "green", "!": "yellow", "x": "bold red"}
_OUTCOMES = {True: "holds", False: "does not hold", None: "not applicable"}


def doctor(
    study: StudyFileArgument = "quickstart",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Trials at a time.  [default: all cores]"),
    ] = None,
    backend: BackendOption = "loky",
    devices: DevicesOption = "",
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the environment before a run: versions, cores, disk, data, stores, workers.

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


def check_trainer(
    study: StudyFileArgument = "quickstart",
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
) -> None:
    """Train a study's trainer for two epochs, several times, and report which guarantees hold.

    Exits with code 2 if one of them does not hold, except prefix stability (whether the first
    epochs are the same in a longer training). Runs in the same workspace print the outcome.

    Example: hpsearch check-trainer quickstart
    """
    definition = load_definition(find_study_file(study))
    options = make_options(workspace, data_dir=data_dir)
    results = []
    for result in check_study_trainer(definition, options):
        results.append(result)
        say(f"{result.check:<18} {_OUTCOMES[result.holds]:<15} {result.detail}")
    say(describe_guarantees(definition.trainer.path, results))
    # That trials of other lengths are not comparable is a property of a schedule, not an error.
    broken = [one.check for one in results if one.holds is False and one.check is not Check.PREFIX]
    if broken:
        raise UsageError(
            f"trainer {definition.trainer.path}: does not hold: {', '.join(broken)}; "
            "docs/trainers.md says what to change"
        )
    say(f"next:  hpsearch run {shlex.quote(study)}" + repeat_options(options, "--data-dir"))
