"""Both sides of the sweep do the same work, and are measured alike."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import plain, sweep
from benchmarks.sweep import N_ITERATIONS, OURS, PROCESSES, THREADS, Sweep
from hpsearch.engine.definition import find_study_file, load_definition


def test_both_sides_train_the_same_settings() -> None:
    space = load_definition(find_study_file("assignment_grid")).search.space
    assert {rate for rate, _ in plain.SETTINGS} == set(space["learning_rate"].choices)  # type: ignore[union-attr]
    assert {reg for _, reg in plain.SETTINGS} == set(space["reg"].choices)  # type: ignore[union-attr]
    assert len(plain.SETTINGS) == load_definition(find_study_file("assignment_grid")).trials


@pytest.mark.parametrize("n_processes", [1, 2])
def test_the_loop_trains_each_setting_once(n_processes: int) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 12)), rng.integers(0, 10, 40)
    accuracies = plain.sweep((X, y, X, y), plain.SETTINGS[:5], 2, n_processes)
    assert len(accuracies) == 5
    assert all(0 <= accuracy <= 1 for accuracy in accuracies)


def test_training_of_a_partial_sweep_is_scaled_but_not_its_start_up() -> None:
    assert Sweep(3.0, 10.0, N_ITERATIONS // 5, 0.5).whole_s == pytest.approx(53.0)


def test_the_speed_up_is_over_the_better_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = {OURS: 40.0, THREADS: 300.0, PROCESSES: 168.0}
    one = {name: Sweep(0.0, seconds, N_ITERATIONS, 0.5) for name, seconds in sides.items()}
    report = sweep.report([one, one], tmp_path)
    assert [row[0] for row in report.rows if "4.20 times as fast" in row] == [PROCESSES]
    assert ">= 4 met" in capsys.readouterr().out
    assert (tmp_path / "sweep.png").exists()


@pytest.mark.slow
@pytest.mark.skipif("HPSEARCH_DATA_DIR" not in os.environ, reason="needs CIFAR-10")
def test_the_sweep_is_measured(tmp_path: Path) -> None:
    loop = sweep.sweep_plainly(2, 1, n_nets=2, n_iterations=2)
    report = sweep.report([{OURS: sweep.sweep_ours(1), THREADS: loop, PROCESSES: loop}], tmp_path)
    assert [row[0] for row in report.rows] == [OURS, THREADS, PROCESSES]
