"""Simulated workers: where their time goes, in cases that can be worked out by hand."""

import pytest

from benchmarks.simulation import FreeCoordinator, draw_durations, simulate


class _Slow(FreeCoordinator):
    def start(self, number: int) -> float:
        return 1.0


def test_workers_are_always_busy_if_nothing_keeps_them_waiting() -> None:
    load = simulate(FreeCoordinator(), 4, 100, 40, lambda number: 10.0)
    assert load.busy == pytest.approx(1.0)
    assert load.trials_per_s == pytest.approx(36 / 90)


def test_a_lag_of_one_leaves_all_workers_but_one_idle() -> None:
    load = simulate(FreeCoordinator(), 4, 1, 40, lambda number: 10.0)
    assert load.busy == pytest.approx(1 / 4)
    assert load.waited_for_lag == pytest.approx(3 / 4)


def test_a_coordinator_that_takes_a_second_starts_one_trial_a_second() -> None:
    load = simulate(_Slow(), 50, 1000, 400, lambda number: 10.0)
    assert load.trials_per_s == pytest.approx(1.0)
    assert load.busy == pytest.approx(10 / 50, rel=0.05)
    assert load.waited_for_lag == 0.0
    assert load.waited_for_coordinator == pytest.approx(40 / 50, rel=0.05)


def test_durations_have_the_mean_and_belong_to_the_number() -> None:
    duration_s = draw_durations(0, mean_s=30.0)
    drawn = [duration_s(number) for number in range(3000)]
    assert sum(drawn) / len(drawn) == pytest.approx(30.0, rel=0.05)
    assert duration_s(7) == drawn[7]
