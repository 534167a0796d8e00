"""Display of a running study: a live table on a terminal, or plain lines."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import IO, Protocol, Self, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from hpsearch.api.terminal.console import make_console
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.api.terminal.outcome import (
    describe_confirmation,
    describe_record,
    describe_refit,
    print_outcome,
)
from hpsearch.api.terminal.running import RunningTrial, tabulate_running
from hpsearch.api.terminal.streams import guard, take_failure
from hpsearch.api.terminal.study_log import StudyLog
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TrialRecord, best_of
from hpsearch.engine.scheduling import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    ModelChosen,
    RefitAdvanced,
    RefitEnded,
    RefitReleased,
    RunOptions,
    StudyEnded,
    StudyOpened,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
    VersionsCompared,
    WinnerJudged,
)
from hpsearch.engine.training import TrialJob
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.text import printable, shorten_duration

__all__ = ["Display", "follow", "open_display"]

# Tables in the log are not wrapped to the terminal's width.
_LOG_WIDTH = 200
_REFIT = -1


class Display(Protocol):
    """Display of events."""

    def show(self, event: Event) -> None:
        """Show the next event."""
        ...


class RunDisplay(Display, Protocol):
    """Display of events and of further lines."""

    def say(self, line: str) -> None:
        """Print a line, after all events."""
        ...


@contextlib.contextmanager
def open_display(name: str, options: RunOptions, *, quiet: bool) -> Iterator[RunDisplay]:
    """Open a live display on a terminal, lines elsewhere; only the outcome if `quiet`.

    The lines, and an exception that ends the run, are appended to the study's log as well.

    Parameters
    ----------
    name : str
        The study's name.
    options : RunOptions
        Options of the run.
    quiet : bool
        Print only the outcome.
    """
    output = guard(sys.stdout)
    console = make_console(file=output)
    log = StudyLog(options.workspace.study(name).log)
    try:
        with _choose_display(console, options, quiet=quiet) as display:
            yield _LoggedDisplay(name, display, output, log, options)
    except (Exception, KeyboardInterrupt) as error:
        log.write(str(error) or type(error).__name__)
        raise
    finally:
        take_failure(output)  # of the display's last output, which the log has too


def _choose_display(
    console: Console, options: RunOptions, *, quiet: bool
) -> AbstractContextManager[Display]:
    if quiet:
        return _Quiet(console, options)
    return (_LiveDisplay if console.is_terminal else _Lines)(console, options)


class _LoggedDisplay:
    """Shows and logs events; a failure of either does not stop the study."""

    def __init__(
        self, name: str, display: Display, output: TextIO, log: StudyLog, options: RunOptions
    ) -> None:
        self._name = name
        self._display: Display | None = display
        self._output = output
        self._log = log
        console = make_console(
            file=cast(IO[str], log),
            width=_LOG_WIDTH,
            color_system=None,
            force_terminal=False,
            force_jupyter=False,
        )
        self._lines = _Lines(console, options)
        self._has_complained = False

    def show(self, event: Event) -> None:
        if isinstance(event, VersionsCompared):
            for difference in event.differences:
                self._warn(difference)
        self._lines.show(event)
        if self._display:
            try:
                self._display.show(event)
            except Exception as error:
                self._display = None
                self._complain(f"the display has failed ({type(error).__name__}: {error})")
        if lost := take_failure(self._output):
            self._complain(f"standard output: {lost.reason}")

    def say(self, line: str) -> None:
        self._log.write(line)
        print(printable(line), file=self._output)

    def _warn(self, what: str) -> None:
        """Print and log a warning, whether quiet or not."""
        line = f"hpsearch: {self._name}: warning: {what}"
        self._log.write(line)
        print(line, file=guard(sys.stderr), flush=True)

    def _complain(self, what: str) -> None:
        """Report once, on standard error, that further output is in the log."""
        if not self._has_complained:
            self._has_complained = True
            where = f"the study goes on; {self._log.path} has all that it prints"
            line = printable(" ".join(f"hpsearch: {self._name}: {what}; {where}".split()))
            print(line, file=guard(sys.stderr))


class _Quiet:
    """Prints only the outcome."""

    def __init__(self, console: Console, options: RunOptions) -> None:
        self.console = console
        self.options = options
        self.definition: StudyDefinition | None = None
        self.total = 0
        self.records: dict[int, TrialRecord] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        match event:
            case StudyOpened(definition, records, _, notices):
                for notice in notices:
                    self.console.print(notice, soft_wrap=True, markup=False, highlight=False)
                self.definition = definition
                self.records = {r.number: r for r in records if r.state.is_finished}
            case TrialEnded(record):
                self.records[record.number] = record
        if self.definition:
            print_outcome(self.console, event, self.definition, self.options)


class _Lines(_Quiet):
    """Prints a line for each trial that ends."""

    def show(self, event: Event) -> None:
        match event:
            case StudyOpened(definition, _, n_jobs, _):
                done = sum(record.state.is_finished for record in event.records)
                self.console.print(
                    f"{definition.name}: {definition.trials} trials, "
                    f"{done} done, {n_jobs} at a time"
                )
            case TrialEnded(record):
                self.console.print(describe_record(record), soft_wrap=True, markup=False)
            case TrialReleased(number):
                self.console.print(f"trial {number:>4}  stopped, to be continued")
            case RefitEnded(refit):
                self.console.print(describe_refit(refit), soft_wrap=True, markup=False)
            case ConfirmationEnded(one) if self.definition:
                self.console.print(
                    describe_confirmation(one, self.definition.metric), soft_wrap=True, markup=False
                )
        super().show(event)


class _LiveDisplay(_Quiet):
    """Redraws the running trials, the best so far and the time left."""

    def __init__(self, console: Console, options: RunOptions) -> None:
        super().__init__(console, options)
        # By trial and replicate: 0 for the trial itself, `_REFIT` for its refit.
        self.running: dict[tuple[int, int], tuple[TrialJob, Sequence[Epoch]]] = {}
        self.started = time.monotonic()
        self.n_before = 0
        self.has_ended = False
        self.live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.live.stop()

    def show(self, event: Event) -> None:
        super().show(event)
        match event:
            case StudyOpened():
                self.n_before = len(self.records)
            case TrialStarted(job):
                self.running[job.number, 0] = (job, ())
            case TrialAdvanced(job, epochs) | ConfirmationAdvanced(job, epochs):
                self.running[job.number, job.replicate] = (job, epochs)
            case TrialEnded(record):
                self.running.pop((record.number, 0), None)
            case TrialReleased(number):
                self.running.pop((number, 0), None)
            case ConfirmationEnded(one) | ConfirmationReleased(one):
                self.running.pop((one.number, one.replicate), None)
            case RefitAdvanced(job, epochs):
                self.running[job.number, _REFIT] = (job, epochs)
            case RefitEnded(refit):
                self.running.pop((refit.number, _REFIT), None)
            case RefitReleased(job):
                self.running.pop((job.number, _REFIT), None)
            case StudyEnded():
                self.has_ended = True

    def __rich__(self) -> RenderableType:
        if self.definition is None:
            return Text("preparing the data ...", style="dim")
        if self.has_ended:
            return Text("writing MLflow ...", style="dim")
        return Group(self._progress(), self._trials()) if self.running else self._progress()

    def _progress(self) -> RenderableType:
        assert self.definition is not None
        done, total = len(self.records), self.definition.trials
        progress = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        best = best_of(self.records.values())
        notes = [f"best {best.metric.format(best.value)} (trial {best.number})"] if best else []
        notes += [f"about {shorten_duration(left)} left"] if (left := self._time_left()) else []
        progress.add_task(
            self.definition.name, total=max(total, done), completed=done, note="  ".join(notes)
        )
        return progress

    def _time_left(self) -> float | None:
        assert self.definition is not None
        done = len(self.records) - self.n_before
        left = self.definition.trials - len(self.records)
        return (time.monotonic() - self.started) / done * left if done and left > 0 else None

    def _trials(self) -> Table:
        assert self.definition is not None
        running = [
            RunningTrial(
                _name(number, replicate),
                job.hyperparameters,
                epochs,
            )
            for (number, replicate), (job, epochs) in sorted(self.running.items())
        ]
        searched = list(self.definition.search.space.searched())
        return tabulate_running(running, searched, self.console.width, self.definition.metric)


def _name(number: int, replicate: int) -> str:
    if replicate == _REFIT:
        return f"{number}, on all examples"
    return f"{number}, fresh seed {replicate}" if replicate else str(number)


def follow(event: Event, interruption: Interruption) -> None:
    """Update what `interruption` reports as waited for, according to the study's progress."""
    match event:
        case StudyOpened() | TrialStarted() | ConfirmationAdvanced():
            interruption.begin_study("the trials in flight to end their epoch")
        case WinnerJudged() | ModelChosen():
            interruption.begin_study("the best model's evaluation on the test set")
        case StudyEnded():
            interruption.begin_study("MLflow to be written")
