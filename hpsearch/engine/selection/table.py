"""Table of a study's trials as CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hpsearch.engine.records import TrialRecord
from hpsearch.foundations.files import write_atomically
from hpsearch.foundations.metrics import ACCURACY

__all__ = ["write_table"]


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
