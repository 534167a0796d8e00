"""The benchmarks run, at sizes too small for their figures to be meaningful."""

from pathlib import Path

import pytest

from benchmarks import overhead, scale
from benchmarks.overhead import find_pauses


def test_pauses_are_those_of_one_worker_between_its_trials() -> None:
    notes = [
        {"pid": 1, "begun": 0.0, "ended": 1.0},
        {"pid": 2, "begun": 0.5, "ended": 1.5},
        {"pid": 1, "begun": 1.25, "ended": 2.0},
        {"pid": 2, "begun": 2.0, "ended": 3.0},
    ]
    assert sorted(find_pauses(notes)) == [0.25, 0.5]


def test_the_scale_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scale.Report.write", lambda *_: None)
    loads = scale.measure_loads(tmp_path, [2], 2.0, 5, None)
    assert [row[:2] for row in loads.rows] == [("journal, random", "2"), ("journal, tpe", "2")]
    lags = scale.measure_lags([1, 4], 5, 1)
    assert [row[0] for row in lags.rows] == ["1", "4"]


@pytest.mark.slow
def test_the_overhead_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.overhead.Report.write", lambda *_: None)
    monkeypatch.setattr("benchmarks.overhead.measure_mlflow_storage", lambda *_: _NOTHING)
    report = overhead.run(tmp_path, [6, 20], 8, 0.1, 2)
    assert [row[1] for row in report.rows if row[0] == "CPU for each trial"] == ["6", "20"]


_NOTHING = overhead.RivalCost(0.0, 0.0)
