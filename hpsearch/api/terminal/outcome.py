"""Text of a run's outcome: the five best trials, the test score, commands to run next."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from hpsearch.api.locations import repeat_options
from hpsearch.api.terminal.running import GAP, fit_columns
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord, describe_retry, rank
from hpsearch.engine.scheduling import (
    EvaluationRefused,
    Event,
    MirrorBehind,
    RecordWarned,
    RefitEnded,
    RunOptions,
    StudyEnded,
    TestScored,
    TrialReopened,
    WinnerJudged,
    WorkersSurveyed,
)
from hpsearch.engine.selection import describe_verdict
from hpsearch.engine.training.survey import WorkerSurvey
from hpsearch.foundations.text import describe_refit_state, shorten_duration, shorten_number

__all__ = ["print_outcome"]

_N_BEST = 5


def print_outcome(
    console: Console, event: Event, definition: StudyDefinition, options: RunOptions
) -> None:
    """Print what `event` adds to the outcome; nothing for other events."""
    name = definition.name
    match event:
        case RecordWarned(text):
            console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)
        case WorkersSurveyed(survey):
            _print_survey(console, survey, options)
        case TrialReopened(record):
            console.print(
                f"running again: {describe_retry(record.number, record.retries[-1])}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        case RefitEnded(refit) if refit.state != State.COMPLETE:
            console.print(
                f"trial {refit.number}: {describe_refit_state(refit.state)}"
                + (f" ({refit.reason})" if refit.reason else ""),
                style="red",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        case WinnerJudged(verdict):
            for line in describe_verdict(verdict):
                console.print(line, highlight=False, soft_wrap=True)
        case TestScored(evaluation, note, is_new):
            score, _, rest = evaluation.describe_scores().partition(" (")
            first = evaluation.scores.get("accuracy_first_1000")
            of_first = f"; {first:.4f} on the first 1,000" if first and evaluation.n > 1000 else ""
            when = "" if is_new else " (from the record)"
            console.print(
                f"[bold]{score}[/] ({rest}{of_first}, {note}{when}", markup=True, soft_wrap=True
            )
        case EvaluationRefused(reason):
            console.print(
                f"{reason}\n"
                f"  hpsearch score {name} --evaluate-again"
                + repeat_options(options, "--data-dir", "--storage", "--tracking-uri"),
                markup=False,
                soft_wrap=True,
            )
        case StudyEnded(records, is_complete):
            if any(record.state == State.COMPLETE for record in records):
                console.print(_list_best(records, console.width))
            else:
                console.print(f"{name}: no trial is complete, so there is no best model")
            _print_failures(console, records)
            if is_complete:
                _print_next(console, name, options)
            else:
                done = sum(record.state.is_finished for record in records)
                console.print(f"{name}: {done} of {definition.trials} trials done")
        case MirrorBehind(reason):
            console.print(
                f"MLflow is not up to date ({reason}).\n"
                f"  hpsearch reconcile {name}"
                + repeat_options(options, "--data-dir", "--storage", "--tracking-uri")
                + "   writes the rest, once that is mended",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _print_failures(console: Console, records: Sequence[TrialRecord]) -> None:
    failed = [record for record in records if record.state == State.FAILED]
    if failed:
        n_by_machine = sum(record.ended_by_machine for record in failed)
        by_machine = f", {n_by_machine} of them as their workers died" if n_by_machine else ""
        console.print(
            f"{len(failed)} trial{'s' if len(failed) != 1 else ''} failed{by_machine}; "
            f"trial {failed[0].number}: {failed[0].reason}; "
            "`hpsearch run` with --retry-failed runs them again",
            style="red",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _print_survey(console: Console, survey: WorkerSurvey, options: RunOptions) -> None:
    if survey.blind_hosts:
        console.print(
            f"workers on {', '.join(survey.blind_hosts)} do not see {options.workspace.root}: "
            "a trial that is interrupted there starts again from its first epoch",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for difference in survey.differences:
        console.print(
            f"machines differ, so results may differ in the last digits: {difference}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _list_best(records: Sequence[TrialRecord], width: int) -> Table:
    """Tabulate the best trials, one per column, as many as fit: names are too long for columns."""
    complete = rank(records)
    best = complete[:_N_BEST]
    metric = best[0].metric
    names = ["trial", metric.val_name, *best[0].searched, "training time"]
    columns = {
        record.number: [
            str(record.number),
            metric.format(record.value),
            *(shorten_number(record.searched[name]) for name in best[0].searched),
            shorten_duration(record.duration_s),
        ]
        for record in best
    }
    shown = fit_columns({"": names, **{str(n): cells for n, cells in columns.items()}}, width)
    title = f"best {len(shown) - 1} of {len(complete)} complete trials"
    table = Table(
        box=None, padding=(0, GAP, 0, 0), pad_edge=False, title=title, title_justify="left"
    )
    for index, (head, *_) in enumerate(shown.values()):
        table.add_column(head, justify="right" if index else "left", no_wrap=True)
    for number, row in enumerate(zip(*shown.values(), strict=True)):
        if number:  # the first row is the heading
            table.add_row(*row, style="bold" if number == 1 else "")
    return table


def _print_next(console: Console, name: str, options: RunOptions) -> None:
    where = repeat_options(options, "--storage")
    tracking = repeat_options(options, "--tracking-uri")
    source = repeat_options(options, "--data-dir", "--storage")
    commands = {
        f"hpsearch report {name} --open{where}": "open the study's page",
        f"hpsearch ui{tracking}": "browse the trials in MLflow",
        f"hpsearch best {name} --out best{source}": "export the best model",
        f"hpsearch status {name}{where}": "show the study's status",
    }
    width = max(map(len, commands))
    for index, (command, purpose) in enumerate(commands.items()):
        lead = "" if index else "next:"
        console.print(
            f"{lead:6} {command:{width}}   {purpose}", markup=False, highlight=False, soft_wrap=True
        )
