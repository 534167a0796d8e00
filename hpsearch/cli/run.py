"""``hpsearch run``: the main job."""

import dataclasses
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydantic import ValidationError

from hpsearch.cli.display import make_display
from hpsearch.cli.options import (
    BackendOption,
    DataDirOption,
    StorageOption,
    StudyFileArgument,
    TrackingOption,
    WorkspaceOption,
    make_options,
    parse_duration,
)
from hpsearch.coordinator import StudyEnded, run_study
from hpsearch.definition import StudyDefinition, find_study_file, load_definition
from hpsearch.errors import InterruptedStudyError, UsageError

__all__ = ["run", "stopping_on_signals"]


def run(
    study: StudyFileArgument = "quickstart",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, metavar="N", help="Trials at a time.  [default: cores]"
        ),
    ] = None,
    backend: BackendOption = "loky",
    trials: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Trials that the study shall have in all."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Stop after 90s, 10m or 1h30m; run again to continue.",
        ),
    ] = None,
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the outcome.")] = False,
) -> None:
    """Run a study, or continue it; when all trials have ended, score its best net once.

    Example: hpsearch run cifar10 --jobs 2 --data-dir ~/datasets
    """
    definition = _with_trials(load_definition(find_study_file(study)), trials)
    options = dataclasses.replace(
        make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri),
        n_jobs=jobs,
        backend=backend,
        timeout_s=timeout,
        show_progress=not quiet and sys.stderr.isatty(),
    )
    stop, asked = threading.Event(), threading.Event()
    is_complete = False
    with stopping_on_signals(stop, asked), make_display(options, quiet=quiet) as display:
        for event in run_study(definition, options, stop):
            display.show(event)
            if isinstance(event, StudyEnded):
                is_complete = event.is_complete
    if is_complete:
        return
    if not asked.is_set():
        print("the time is up; the same command continues")
    else:
        raise InterruptedStudyError(
            f"{definition.name}: stopped; all epochs are saved, and the same command continues"
        )


def _with_trials(definition: StudyDefinition, trials: int | None) -> StudyDefinition:
    if trials is None:
        return definition
    try:
        return definition.with_trials(trials)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--trials {trials}: {reason}") from error


@contextmanager
def stopping_on_signals(stop: threading.Event, asked: threading.Event) -> Iterator[None]:
    """Stop in order at the first Ctrl-C or SIGTERM; at once at the second.

    Only the main thread may listen for signals; in another, its program decides.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def answer(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        stop.set()

    before = {number: signal.signal(number, answer) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
