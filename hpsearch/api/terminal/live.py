"""Live display of a running study on a terminal."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hpsearch.api.terminal.lines import OutcomeDisplay
from hpsearch.api.terminal.running import RunningTrial, tabulate_running
from hpsearch.api.terminal.trial_lines import describe_ended
from hpsearch.engine.records import State, best_of
from hpsearch.engine.scheduling import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
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
)
from hpsearch.engine.training import TrialJob
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.text import shorten_duration

__all__ = ["LiveDisplay"]

_BAR_WIDTH = 20
_REFIT = -1


class LiveDisplay(OutcomeDisplay):
    """Redraws the running trials, the best so far and the time left, below the ended trials.

    Parameters
    ----------
    console : Console
        A terminal.
    options : RunOptions
        Options of the run.
    """

    def __init__(self, console: Console, options: RunOptions) -> None:
        super().__init__(console, options)
        # By trial and replicate: 0 for the trial itself, `_REFIT` for its refit.
        self.running: dict[tuple[int, int], tuple[TrialJob, Sequence[Epoch]]] = {}
        self.started = time.monotonic()
        self.n_before = 0
        self.has_ended = False
        self.live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        """Start redrawing."""
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop redrawing, and erase the live part."""
        self.live.stop()

    def show(self, event: Event) -> None:
        """Print the line of what ended above the live part, and update that."""
        if self.definition:
            line = describe_ended(event, self.definition.metric, self.console.width)
            if line:
                self.console.print(line, markup=False, style=_style(event))
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
            return Text("writing to MLflow ...", style="dim")
        return Group(self._progress(), self._trials()) if self.running else self._progress()

    def _progress(self) -> RenderableType:
        """Make the bar and the notes: in one line, or in two on a narrow terminal."""
        assert self.definition is not None
        done, total = len(self.records), self.definition.trials
        best = best_of(self.records.values())
        notes = [f"best {best.metric.format(best.value)} (trial {best.number})"] if best else []
        notes += [f"about {shorten_duration(left)} left"] if (left := self._time_left()) else []
        note, count = "  ".join(notes), f"{done}/{total}"
        left_over = self.console.width - len(f"{self.definition.name}  {count} {note}") - 1
        bar = ProgressBar(total=max(total, done, 1), completed=done, width=_BAR_WIDTH)
        parts: list[RenderableType] = [Text(self.definition.name, style="bold"), bar, Text(count)]
        if left_over >= _BAR_WIDTH:
            return _in_one_line(*parts, Text(note))
        return Group(_in_one_line(*parts), Text(note))

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


def _in_one_line(*parts: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(*parts)
    return grid


def _name(number: int, replicate: int) -> str:
    if replicate == _REFIT:
        return f"{number}, on all examples"
    return f"{number}, fresh seed {replicate}" if replicate else str(number)


def _style(event: Event) -> str:
    """Choose the style of a trial's line: trials without a result of their own are dim."""
    match event:
        case TrialEnded(record) if record.state == State.FAILED:
            return "red"
        case TrialEnded(record) if record.state == State.COMPLETE:
            return ""
        case ConfirmationEnded() | RefitEnded():
            return ""
    return "dim"
