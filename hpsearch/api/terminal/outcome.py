"""Text of a run's outcome: the five best trials, the test score, commands to run next."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from hpsearch.api.locations import repeat_options
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import Confirmation, Refit, State, TrialRecord, describe_retry, rank
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
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import describe_refit_state, shorten_duration, shorten_number

__all__ = ["describe_confirmation", "describe_record", "describe_refit", "print_outcome"]

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
            when = "evaluated just now" if is_new else "evaluated before; not opened again"
            first = evaluation.scores.get("accuracy_first_1000")
            of_first = f"; {first:.4f} on the first 1,000" if first and evaluation.n > 1000 else ""
            score, _, rest = evaluation.describe().partition(" (")
            console.print(
                f"[bold]{score}[/] ({rest} ({when}){of_first}", markup=True, soft_wrap=True
            )
            console.print(note, highlight=False, markup=False, soft_wrap=True)
        case EvaluationRefused(reason):
            console.print(
                f"{reason}\n"
                f"  hpsearch score {name} --spend-another-look"
                + repeat_options(options, "--data-dir", "--storage", "--tracking-uri"),
                markup=False,
                soft_wrap=True,
            )
        case StudyEnded(records, is_complete):
            if any(record.state == State.COMPLETE for record in records):
                console.print(_list_best(records))
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
                f"MLflow is behind ({reason}).\n"
                f"  hpsearch reconcile {name}"
                + repeat_options(options, "--data-dir", "--storage", "--tracking-uri")
                + "   shows the rest, once that is put right",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _print_failures(console: Console, records: Sequence[TrialRecord]) -> None:
    failed = [record for record in records if record.state == State.FAILED]
    if failed:
        n_by_machine = sum(record.ended_by_machine for record in failed)
        by_machine = f", {n_by_machine} of them ended by their machine" if n_by_machine else ""
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
            "a trial that they are stopped at starts again from its first epoch",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for difference in survey.differences:
        console.print(
            f"not an equal machine, so results may differ in the last digits: {difference}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def describe_record(record: TrialRecord) -> str:
    """Describe a trial in one line."""
    value = record.metric.format(record.value)
    setting = " ".join(f"{k}={shorten_number(v)}" for k, v in record.searched.items())
    note = " diverged" if record.diverged else f" {record.reason}" if record.reason else ""
    note = f" by its machine:{note}" if record.ended_by_machine else note
    return (
        f"trial {record.number:>4}  {record.state.lower():<8}{note} "
        f"{record.metric.val_name} {value}  "
        f"{shorten_duration(record.duration_s):>6}  {setting}"
    )


def describe_confirmation(one: Confirmation, metric: Metric) -> str:
    """Describe a confirmation in one line."""
    value = metric.format(one.val_score)
    note = f" {one.reason}" if one.reason else " diverged" if one.state == State.PRUNED else ""
    return (
        f"trial {one.number:>4}, fresh seed {one.replicate}  {one.state.lower():<8}{note} "
        f"{metric.val_name} {value}  {shorten_duration(one.duration_s):>6}"
    )


def describe_refit(one: Refit) -> str:
    """Describe the refit in one line."""
    note = f" {one.reason}" if one.reason else " diverged" if one.state == State.PRUNED else ""
    return (
        f"trial {one.number:>4}, on all examples  {one.state.lower():<8}{note} "
        f"{shorten_duration(one.duration_s):>6}"
    )


def _list_best(records: Sequence[TrialRecord]) -> Table:
    """Tabulate the best trials, one per column: hyperparameters' names are too long for it."""
    complete = rank(records)
    best = complete[:_N_BEST]
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), title=f"best of {len(complete)} complete trials"
    )
    table.add_column("trial", no_wrap=True)
    for record in best:
        table.add_column(str(record.number), justify="right", no_wrap=True)
    metric = best[0].metric
    table.add_row(metric.val_name, *(metric.format(record.value) for record in best), style="bold")
    for name in best[0].searched:
        table.add_row(name, *(shorten_number(record.searched[name]) for record in best))
    table.add_row("training", *(shorten_duration(record.duration_s) for record in best))
    return table


def _print_next(console: Console, name: str, options: RunOptions) -> None:
    where = repeat_options(options, "--storage")
    tracking = repeat_options(options, "--tracking-uri")
    source = repeat_options(options, "--data-dir", "--storage")
    commands = {
        f"hpsearch report {name} --open{where}": "read what came out, on one page",
        f"hpsearch ui{tracking}": "browse all trials in MLflow",
        f"hpsearch best {name} --out best{source}": "keep the best model",
        f"hpsearch status {name}{where}": "where the study stands",
    }
    width = max(map(len, commands))
    for index, (command, purpose) in enumerate(commands.items()):
        lead = "" if index else "next:"
        console.print(
            f"{lead:6} {command:{width}}   {purpose}", markup=False, highlight=False, soft_wrap=True
        )
