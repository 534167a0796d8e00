"""The page's table of all trials, which its script sorts and filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.engine.records import TrialRecord
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import shorten_duration, shorten_number

__all__ = ["Cell", "Column", "Row", "list_columns", "list_rows"]


@dataclass(frozen=True)
class Column:
    """A column's heading, and whether its cells are numbers."""

    name: str
    is_number: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell's text, and the number that it is sorted by, if it is one."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Row:
    """A trial."""

    state: str
    is_best: bool
    cells: Sequence[Cell]


def list_columns(
    names: Sequence[str], records: Sequence[TrialRecord], metric: Metric
) -> list[Column]:
    """List the columns: trial, state, score, epochs, duration, hyperparameters, reason."""
    searched = [
        Column(name, all(_is_number(record.searched.get(name)) for record in records))
        for name in names
    ]
    return [
        Column("trial"),
        Column("state", is_number=False),
        Column(metric.val_name),
        Column("epochs_run"),
        Column("duration"),
        *searched,
        Column("reason", is_number=False),
    ]


def list_rows(
    names: Sequence[str], records: Sequence[TrialRecord], best: TrialRecord | None
) -> list[Row]:
    """List the trials, with the searched hyperparameters `names`."""
    return [
        Row(
            record.state.label,
            record is best,
            [
                Cell(str(record.number), record.number),
                Cell(record.state.label),
                Cell(record.metric.format(record.value), record.value),
                Cell(str(len(record.val_scores)), len(record.val_scores)),
                Cell(shorten_duration(record.duration_s), round(record.duration_s, 3)),
                *(_make_cell(record.searched.get(name)) for name in names),
                Cell(record.reason or ("diverged" if record.diverged else "")),
            ],
        )
        for record in records
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _make_cell(value: Any) -> Cell:
    if value is None:
        return Cell("")
    return Cell(shorten_number(value), value if _is_number(value) else None)
