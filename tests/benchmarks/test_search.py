"""Where a study's core-seconds go, in a case that can be worked out by hand, and in a real one."""

from pathlib import Path

import pytest

from benchmarks import search
from benchmarks.runs import Run, TrainedTrial, WorkerMemory
from hpsearch.datasets.prepared import derived_file
from hpsearch.engine.trial_files import Epoch

STUDY = """
trials = 4
lag = 2
[data]
source = "digits"
train = 600
validation = 150
test = 100
[trainer]
basis = { components = 20 }
[search.space]
batch_size = 50
initial_std = 0.01
learning_rate = { low = 0.003, high = 0.1, log = true }
reg = 1e-3
hidden_size = { low = 4, high = 24 }
epochs = { low = 20, high = 40 }
"""


def make_run(n_workers: int, wall_s: float, *spans: tuple[float, float], hashed: str = "a") -> Run:
    """A run whose trials were in an epoch for all but a second each."""
    trials = (
        TrainedTrial(
            began,
            ended,
            (Epoch(1, 0.2, ended - began - 1, ended, step_metrics={"iteration_loss": (2.0,)}),),
        )
        for began, ended in spans
    )
    memory = WorkerMemory(50_000_000, 10_000_000)
    return Run(n_workers, wall_s, 4.0, tuple(trials), hashed * 64, memory)


def test_every_core_second_is_accounted_for() -> None:
    run = make_run(2, 30, (2, 10), (3, 12), (11, 20), (13, 24))
    parts = search.account(run)
    assert sum(parts.values()) == pytest.approx(60)
    assert parts == {
        "training": 33,
        "before the first trial": 4,
        # A second in each of four trials, one before each of the last three.
        "between epochs and trials": 7,
        "no trial left to start": 4,
        "after the last trial": 12,
    }
    assert search.use_of_command(run) == pytest.approx(33 / 60)
    assert search.use_of_search(run) == pytest.approx(33 / 44)


def test_runs_that_differ_are_not_compared(tmp_path: Path) -> None:
    two, one = make_run(2, 10, (1, 9), (1, 8)), make_run(1, 20, (1, 9), (9, 18), hashed="b")
    with pytest.raises(SystemExit, match="differ"):
        search.report([{search.COLD: two, search.WARM: two, search.ONE: one}], tmp_path)


def test_figures_are_reported_with_their_goals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two, one = make_run(2, 10, (1, 9), (1, 8)), make_run(1, 20, (1, 9), (9, 18))
    search.report([{search.COLD: two, search.WARM: two, search.ONE: one}], tmp_path)
    printed = capsys.readouterr().out
    assert "a" * 64 in printed
    assert "2.00" in printed
    assert ">= 1.9 met" in printed
    assert "<= 200 MB met" in printed
    assert (tmp_path / "search.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("on_pixels", "name"), [(False, "search"), (True, "search_pixels")])
def test_a_study_is_measured(on_pixels: bool, name: str, tmp_path: Path) -> None:
    study, workspace = tmp_path / "small.toml", tmp_path / "workspace"
    study.write_text(STUDY)
    if on_pixels:
        study = search.write_without_basis(str(study), tmp_path)
    one_round = search.measure(str(study), 3, workspace)
    search.report([one_round], tmp_path, on_pixels=on_pixels)
    assert (tmp_path / f"{name}.png").exists()
    (prepared,) = (workspace / "data").glob("digits-*")
    assert (prepared / derived_file("X")).exists() != on_pixels
    assert {len(run.trials) for run in one_round.values()} == {3}
    for run in one_round.values():
        assert 0 < run.began_s < run.first_epoch_s <= run.ended_s < run.wall_s
        assert min(search.account(run).values()) >= 0
