"""Tables of trials that fit the terminal's width: whole columns are left out, no value is cut."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import shorten_number

__all__ = ["GAP", "RunningTrial", "fit_columns", "tabulate_running"]

GAP = 2
# As wide as the longest number, 0.0004003, so that columns keep their place while values change.
_MIN_WIDTH = 9


@dataclass(frozen=True)
class RunningTrial:
    """A running trial and its completed epochs."""

    name: str
    hyperparameters: Mapping[str, Any]
    epochs: Sequence[Epoch]


def tabulate_running(
    running: Iterable[RunningTrial], searched: Sequence[str], width: int, metric: Metric
) -> Table:
    """Tabulate each trial's progress and as many `searched` hyperparameters as fit in `width`.

    Each trial takes one line: a table that wraps cannot be read while it is redrawn.
    """
    trials = list(running)
    last = [trial.epochs[-1] if trial.epochs else None for trial in trials]
    columns = {
        "trial": [trial.name for trial in trials],
        "epoch": [f"{len(t.epochs)}/{t.hyperparameters.get('epochs', '?')}" for t in trials],
        metric.val_name: [metric.format(epoch.val_score) if epoch else "" for epoch in last],
        "train_loss": [_format_loss(epoch) if epoch else "" for epoch in last],
    }
    for name in searched:
        if name != "epochs":
            columns[name] = [shorten_number(t.hyperparameters.get(name, "")) for t in trials]
    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim", pad_edge=False)
    kept = fit_columns(columns, width, least=_MIN_WIDTH)
    for name in kept:
        table.add_column(name, justify="right", no_wrap=True)
    for row in zip(*kept.values(), strict=True):
        table.add_row(*row)
    return table


def fit_columns(
    columns: Mapping[str, Sequence[str]], width: int, *, least: int = 0, n_always: int = 1
) -> dict[str, Sequence[str]]:
    """Leave out columns that do not fit in `width`; the first `n_always` are kept.

    Parameters
    ----------
    columns : mapping
        Heading to cells, the most important column first.
    width : int
        Width of the terminal in characters.
    least : int
        Minimum width of a column.
    n_always : int
        Number of columns that are never left out.
    """
    kept: dict[str, Sequence[str]] = {}
    left = width + GAP  # the last column needs no gap
    for name, cells in columns.items():
        needed = max(least, *map(len, (name, *cells))) + GAP
        if needed <= left or len(kept) < n_always:
            kept[name] = cells
            left -= needed
    return kept


def _format_loss(epoch: Epoch) -> str:
    loss = epoch.metrics.get("train_loss")
    return "" if loss is None else f"{loss:.4f}"
