"""Plain display of a running study: a line for each trial that ends, or only the outcome."""

from types import TracebackType
from typing import Self

from rich.console import Console

from hpsearch.api.terminal.outcome import print_outcome
from hpsearch.api.terminal.trial_lines import describe_ended
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.scheduling import Event, RunOptions, StudyOpened, TrialEnded

__all__ = ["LineDisplay", "OutcomeDisplay"]


class OutcomeDisplay:
    """Prints only the outcome.

    Parameters
    ----------
    console : Console
        Console to print to.
    options : RunOptions
        Options of the run.
    """

    def __init__(self, console: Console, options: RunOptions) -> None:
        self.console = console
        self.options = options
        self.definition: StudyDefinition | None = None
        self.records: dict[int, TrialRecord] = {}

    def __enter__(self) -> Self:
        """Start the display."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the display."""

    def show(self, event: Event) -> None:
        """Print what the event adds to the outcome."""
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


class LineDisplay(OutcomeDisplay):
    """Prints a line for each trial that ends; see `describe_ended`."""

    def show(self, event: Event) -> None:
        """Print the event's line, and what it adds to the outcome."""
        match event:
            case StudyOpened(definition, _, n_jobs, _):
                done = sum(record.state.is_finished for record in event.records)
                self.console.print(
                    f"{definition.name}: {done} of {definition.trials} trials done, "
                    f"{n_jobs} at a time"
                )
        if self.definition and (line := describe_ended(event, self.definition.metric)):
            self.console.print(line, soft_wrap=True, markup=False)
        super().show(event)
