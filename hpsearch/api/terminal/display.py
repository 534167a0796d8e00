"""Display of a running study: a live table on a terminal, or plain lines."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO, Protocol, TextIO, cast

from rich.console import Console

from hpsearch.api.terminal.console import StudyLog, make_console
from hpsearch.api.terminal.interruption import Interruption
from hpsearch.api.terminal.lines import LineDisplay, OutcomeDisplay
from hpsearch.api.terminal.live import LiveDisplay
from hpsearch.api.terminal.standard_streams import guard, take_failure
from hpsearch.engine.scheduling import (
    ConfirmationAdvanced,
    Event,
    ModelChosen,
    RunOptions,
    StudyEnded,
    StudyOpened,
    TrialStarted,
    VersionsCompared,
    WinnerJudged,
)
from hpsearch.foundations.text import printable

__all__ = ["Display", "follow", "open_display"]

# Tables in the log are not wrapped to the terminal's width.
_LOG_WIDTH = 200


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
        return OutcomeDisplay(console, options)
    return (LiveDisplay if console.is_terminal else LineDisplay)(console, options)


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
        self._lines = LineDisplay(console, options)
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


def follow(event: Event, interruption: Interruption) -> None:
    """Update what `interruption` reports as waited for, according to the study's progress."""
    match event:
        case StudyOpened() | TrialStarted() | ConfirmationAdvanced():
            interruption.begin_study("running trials to end their epoch")
        case WinnerJudged() | ModelChosen():
            interruption.begin_study("the best model's evaluation on the test set")
        case StudyEnded():
            interruption.begin_study("writing to MLflow")
