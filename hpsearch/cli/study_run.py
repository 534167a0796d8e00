"""``hpsearch run``: run or continue a study."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from hpsearch.api.locations import make_options
from hpsearch.api.run import run_study
from hpsearch.api.terminal.display import follow, open_display
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.cli.options import (
    BackendOption,
    DataDirOption,
    DevicesOption,
    StorageOption,
    StudyFileArgument,
    TrackingOption,
    WorkspaceOption,
    parse_duration,
    split_devices,
)
from hpsearch.engine.definition import StudyDefinition, find_study_file, load_definition
from hpsearch.engine.scheduling import (
    StudyEnded,
    StudyOpened,
    describe_trainer,
)
from hpsearch.foundations.errors import InterruptedStudyError, UsageError

__all__ = ["run"]


def run(
    context: typer.Context,
    study: StudyFileArgument = "quickstart",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, metavar="N", help="Trials at a time.  [default: all cores]"
        ),
    ] = None,
    backend: BackendOption = "loky",
    devices: DevicesOption = "",
    trials: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Total number of trials, including those done."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Interrupt after 90s, 10m or 1h30m; the same command continues.",
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Run failed trials again, with the same seeds."),
    ] = False,
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the outcome.")] = False,
) -> None:
    """Run or continue a study; its best model is evaluated once on the test split at the end.

    Example: hpsearch run cifar10 --jobs 2 --data-dir ~/datasets
    """
    definition = _with_trials(load_definition(find_study_file(study)), trials)
    options = dataclasses.replace(
        make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri),
        n_jobs=jobs,
        backend=backend,
        devices=split_devices(devices),
        timeout_s=timeout,
        retry_failed=retry_failed,
        show_progress=not quiet and sys.stderr.isatty(),
    )
    interruption: Interruption = context.obj
    with open_display(definition.name, options, quiet=quiet) as display:
        is_complete = False
        for event in run_study(definition, options, interruption.stop):
            follow(event, interruption)
            if isinstance(event, StudyOpened) and not quiet:
                line = describe_trainer(definition, options.workspace, study)
                event = dataclasses.replace(event, notices=(*event.notices, *filter(None, [line])))
            display.show(event)
            if isinstance(event, StudyEnded):
                is_complete = event.is_complete
        if interruption.is_asked:
            raise InterruptedStudyError(
                f"{definition.name}: interrupted; all epochs are saved, the same command continues"
            )
        if not is_complete:
            display.say("interrupted: --timeout is over; the same command continues")


def _with_trials(definition: StudyDefinition, trials: int | None) -> StudyDefinition:
    if trials is None:
        return definition
    try:
        return definition.with_trials(trials)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--trials {trials}: {reason}") from error
