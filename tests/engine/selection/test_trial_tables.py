import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.selection import write_table


def _record(number: int, state: State, **changes: Any) -> TrialRecord:
    base: dict[str, Any] = {
        "value": None,
        "hyperparameters": {"learning_rate": 0.1},
        "val_scores": (0.1, 0.2),
        "net_sha256": None,
        "duration_s": 1.23456,
        "diverged": False,
        "reason": None,
        "versions": {},
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "ended_at": None,
    }
    return TrialRecord(number=number, state=state, **base | changes)


def test_each_trial_has_a_row_in_which_floats_are_exact(tmp_path: Path) -> None:
    third = 1 / 3
    records = [
        _record(0, State.COMPLETE, value=third, hyperparameters={"reg": third, "epochs": 2}),
        _record(1, State.WAITING, val_scores=()),
    ]
    write_table(records, tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["trial"], first["state"], first["epochs_run"]) == ("0", "COMPLETE", "2")
    assert float(first["val_accuracy"]) == float(first["reg"]) == third
    assert (second["state"], second["val_accuracy"], second["reg"]) == ("WAITING", "", "")
    assert second["learning_rate"] == "0.1"


def test_a_study_without_trials_has_a_table_without_rows(tmp_path: Path) -> None:
    write_table([], tmp_path / "trials.csv")
    assert (
        tmp_path / "trials.csv"
    ).read_text() == "trial,state,val_accuracy,epochs_run,duration_s\n"
