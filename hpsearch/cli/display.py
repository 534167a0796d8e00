"""What a running study looks like at the terminal: a live table, or plain lines."""

import dataclasses
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from hpsearch.cli.outcome import describe_confirmation, describe_record, print_outcome
from hpsearch.cli.running import RunningTrial, tabulate_running
from hpsearch.coordinator import (
    ConfirmationAdvanced,
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    RunOptions,
    StudyEnded,
    StudyOpened,
    TrialAdvanced,
    TrialEnded,
    TrialReleased,
    TrialStarted,
)
from hpsearch.definition import StudyDefinition
from hpsearch.objective import TrialJob
from hpsearch.records import TrialRecord, best_of
from hpsearch.training import Epoch
from hpsearch.wording import shorten_duration

__all__ = ["Display", "make_display"]


class Display(Protocol):
    """Something that shows events."""

    def show(self, event: Event) -> None:
        """Take the next event."""
        ...


def make_display(options: RunOptions, *, quiet: bool) -> AbstractContextManager[Display]:
    """A live display on a terminal, lines elsewhere; only the outcome if `quiet`."""
    console = Console()
    if quiet:
        return _Quiet(console, options)
    return (_LiveDisplay if console.is_terminal else _Lines)(console, options)


class _Quiet:
    """Prints the outcome."""

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
            case ConfirmationEnded(one):
                self.console.print(describe_confirmation(one), soft_wrap=True, markup=False)
        super().show(event)


class _LiveDisplay(_Quiet):
    """Redraws the trials in flight, the best so far and the time left."""

    def __init__(self, console: Console, options: RunOptions) -> None:
        super().__init__(console, options)
        # By trial and replicate: 0 for the trial itself.
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
        notes = [f"best {best.value:.4f} (trial {best.number})"] if best else []
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
                f"{number}, fresh seed {replicate}" if replicate else str(number),
                dataclasses.asdict(job.hyperparameters),
                epochs,
            )
            for (number, replicate), (job, epochs) in sorted(self.running.items())
        ]
        searched = list(self.definition.search.space.searched())
        return tabulate_running(running, searched, self.console.width)
