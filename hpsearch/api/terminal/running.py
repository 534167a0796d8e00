"""The table of running trials."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import shorten_number

__all__ = ["RunningTrial", "tabulate_running"]

_GAP = 2
# As wide as the longest number, 0.0004003.
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
    columns = ("trial", "epoch", metric.val_name, "train_loss")
    names = _choose(searched, width, columns)
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="dim", pad_edge=False)
    for name in (*columns, *names):
        table.add_column(name, justify="right", no_wrap=True)
    for trial in running:
        setting = trial.hyperparameters
        table.add_row(
            trial.name,
            f"{len(trial.epochs)}/{setting.get('epochs', '?')}",
            metric.format(trial.epochs[-1].val_score) if trial.epochs else "",
            _format_loss(trial.epochs[-1]) if trial.epochs else "",
            *(shorten_number(setting.get(name, "")) for name in names),
        )
    return table


def _choose(searched: Sequence[str], width: int, columns: Sequence[str]) -> list[str]:
    left = width - sum(max(len(name), _MIN_WIDTH) + _GAP for name in columns)
    chosen = []
    for name in searched:
        needed = max(len(name), _MIN_WIDTH) + _GAP
        if name != "epochs" and needed <= left:
            chosen.append(name)
            left -= needed
    return chosen


def _format_loss(epoch: Epoch) -> str:
    loss = epoch.metrics.get("train_loss")
    return "" if loss is None else f"{loss:.4f}"
