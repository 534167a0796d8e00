"""The table of all trials of a study, as wide as the terminal."""

from collections.abc import Sequence

from rich.table import Table

from hpsearch.api.terminal.running import GAP, fit_columns
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.foundations.text import shorten_duration, shorten_number

__all__ = ["tabulate_trials"]


def tabulate_trials(
    records: Sequence[TrialRecord], definition: StudyDefinition, width: int
) -> Table:
    """Tabulate trials, one line each, with as many searched hyperparameters as fit in `width`.

    Columns that do not fit are left out rather than cut: a value without its last digits is
    another value.

    Parameters
    ----------
    records : sequence of TrialRecord
        All trials, by number; the best is marked.
    definition : StudyDefinition
        The study.
    width : int
        Width of the terminal in characters.
    """
    metric, best = definition.metric, best_of(records)
    columns = {
        "trial": [f"{r.number} *" if r is best else f"{r.number}  " for r in records],
        "state": [r.state.label for r in records],
        metric.val_name: ["" if r.value is None else metric.format(r.value) for r in records],
        "epochs run": [str(len(r.val_scores)) for r in records],
        "duration": [shorten_duration(r.duration_s) for r in records],
    }
    for name in definition.search.space.searched():
        columns[name] = [shorten_number(r.searched.get(name, "")) for r in records]
    kept = fit_columns(columns, width, n_always=3)
    table = Table(
        box=None,
        padding=(0, GAP, 0, 0),
        header_style="dim",
        pad_edge=False,
        caption=_describe(len(columns) - len(kept), best is not None),
        caption_justify="left",
    )
    for name in kept:
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    for record, row in zip(records, zip(*kept.values(), strict=True), strict=True):
        table.add_row(*row, style="dim" if record.state != State.COMPLETE else "")
    return table


def _describe(n_left_out: int, has_best: bool) -> str | None:
    """Describe the star, and what a wider terminal would show."""
    parts = ["* best trial"] if has_best else []
    if n_left_out:
        parts.append(f"{n_left_out} more columns in a wider terminal, or with --csv")
    return "; ".join(parts) or None
