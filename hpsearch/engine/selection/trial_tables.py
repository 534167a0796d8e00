"""Tables of a study's trials: as CSV, and grouped by the changes of an ablation."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpsearch.engine.records import State, TrialRecord
from hpsearch.foundations.files import write_atomically
from hpsearch.foundations.metrics import ACCURACY

__all__ = ["group_ablation", "write_table"]


def write_table(records: Sequence[TrialRecord], path: Path) -> None:
    """Write one CSV row for each trial: number, state, score, hyperparameters, cost."""
    metric = records[0].metric if records else ACCURACY
    names = list(dict.fromkeys(name for record in records for name in record.hyperparameters))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", metric.val_name, *names, "epochs_run", "duration_s"])
    for record in records:
        writer.writerow(
            [
                record.number,
                record.state,
                "" if record.value is None else record.value,
                *(record.hyperparameters.get(name, "") for name in names),
                len(record.val_scores),
                round(record.duration_s, 3),
            ]
        )
    write_atomically(path, text.getvalue().encode())


def group_ablation(
    records: Sequence[TrialRecord],
) -> tuple[list[float], dict[str, list[float]]]:
    """Group validation scores by the change from the full configuration, that of trial 0.

    Parameters
    ----------
    records : sequence of TrialRecord
        All trials of a study with the ablation sampler, in their order.

    Returns
    -------
    whole : list of float
        Validation scores of the complete trials with the full configuration.
    without : dict
        Validation scores of the complete trials with each change, by its description.
    """
    whole: list[float] = []
    without: dict[str, list[float]] = {}
    for record in records:
        if record.state == State.COMPLETE and record.value is not None:
            change = _describe_change(records[0].hyperparameters, record.hyperparameters)
            accuracies = without.setdefault(change, []) if change else whole
            accuracies.append(record.value)
    return whole, without


def _describe_change(whole: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Describe how `other` differs from `whole`."""
    changes = {name: other[name] for name, value in whole.items() if other[name] != value}
    return ", ".join(
        f"no {name}" if not isinstance(value, str) and not value else f"{name} = {value}"
        for name, value in changes.items()
    )
