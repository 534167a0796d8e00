"""Tests of the table of trials in flight."""

import io

import pytest
from rich.console import Console

from hpsearch.api.terminal.running import RunningTrial, tabulate_running
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import ACCURACY

SEARCHED = ["learning_rate", "learning_rate_decay", "reg", "hidden_size", "epochs", "dropout"]
SETTING = {
    "learning_rate": 0.00040031,
    "learning_rate_decay": 0.95123,
    "reg": 3.764e-05,
    "hidden_size": 1024,
    "epochs": 40,
    "dropout": 0.1,
}
EPOCH = Epoch(
    number=1, val_score=0.4375, duration_s=1.0, ended_at=0.0, metrics={"train_loss": 1.25},
)  # fmt: skip
RUNNING = [
    RunningTrial("7", SETTING, [EPOCH]),
    RunningTrial("12, fresh seed 1", SETTING, []),
]


def _print(width: int, searched: list[str]) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(tabulate_running(RUNNING, searched, width, ACCURACY))
    return str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 80, 100, 140, 240])
def test_a_trial_is_one_whole_line_at_any_width(width: int) -> None:
    lines = _print(width, SEARCHED)
    assert len(lines) == 3
    assert "…" not in lines[0]
    assert lines[1].split()[:4] == ["7", "1/40", "0.4375", "1.2500"]


def test_searched_hyperparameters_are_shown_as_far_as_they_fit() -> None:
    shown = {"trial", "epoch", "val_accuracy", "train_loss"}
    assert set(_print(80, SEARCHED)[0].split()) == shown | {"learning_rate", "reg"}
    assert set(_print(200, SEARCHED)[0].split()) == shown | set(SEARCHED) - {"epochs"}
    assert set(_print(200, ["dropout"])[0].split()) == shown | {"dropout"}
    assert "0.0004003" in _print(80, SEARCHED)[1]
