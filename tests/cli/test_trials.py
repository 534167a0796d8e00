"""`hpsearch trials`: all trials, for people and for programs."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Program = Callable[..., tuple[int, str, str]]


def _best(program: Program) -> dict[str, Any]:
    best: dict[str, Any] = json.loads(program("status", "small", "--json")[1])["best"]
    return best


def test_trials_are_listed_with_the_best_one_marked(program: Program, has_run: Path) -> None:
    code, output, error = program("trials", "small")
    assert code == 0, error
    header, *rows = output.splitlines()
    assert header.split()[:3] == ["trial", "state", "val_accuracy"]
    assert "learning_rate" in header
    best = _best(program)
    (marked,) = (row for row in rows if row.split()[1:2] == ["*"] and row[0] != "*")
    assert marked.split()[0] == str(best["number"])
    assert f"{best['value']:.4f}" in marked
    assert len([row for row in rows if row.strip()[:1].isdigit()]) == 6


def test_numbers_are_left_out_rather_than_cut_in_a_narrow_terminal(
    program: Program, has_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    output = program("trials", "small")[1]
    assert max(map(len, output.splitlines())) <= 60
    assert "…" not in output
    assert "..." not in output
    assert "hidden_size" not in output
    assert "in a wider terminal, or with --csv" in " ".join(output.split())


def test_json_and_csv_have_every_digit(program: Program, has_run: Path) -> None:
    best = _best(program)
    listed = json.loads(program("trials", "small", "--json")[1])
    assert listed["study"] == "small"
    row = listed["trials"][best["number"]]
    assert row["trial"] == best["number"]
    assert row["val_accuracy"] == best["value"]
    assert row["learning_rate"] == best["params"]["learning_rate"]
    assert row["reason"] is None
    rows = list(csv.DictReader(io.StringIO(program("trials", "small", "--csv")[1])))
    assert [int(one["trial"]) for one in rows] == list(range(6))
    assert float(rows[best["number"]]["learning_rate"]) == row["learning_rate"]


def test_one_format_at_a_time(program: Program, has_run: Path) -> None:
    code, _, error = program("trials", "small", "--json", "--csv")
    assert code == 2
    assert "expected one of the two" in error
