"""The search strategies that are compared do what their names say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.race import follow, one_epoch_first, vary
from benchmarks.time_to_accuracy import GRID, LEVELS, STRATEGIES, Strategy, reach, report
from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition

Define = Callable[..., StudyDefinition]


def test_a_study_in_turn_is_the_study_itself(
    define: Define, digits: PreparedData, tmp_path: Path
) -> None:
    definition = define(trials=4, space={"epochs": 3})
    moments = list(follow(definition, digits, tmp_path))
    assert len(moments) == 12
    assert [moment.core_s for moment in moments] == sorted(moment.core_s for moment in moments)
    again = [moment.val_score for moment in follow(definition, digits, tmp_path / "again")]
    assert [moment.val_score for moment in moments] == again


def test_one_epoch_for_all_then_the_best_go_on(
    define: Define, digits: PreparedData, tmp_path: Path
) -> None:
    definition = define(trials=5, space={"epochs": 3})
    moments = list(one_epoch_first(2)(definition, digits, tmp_path))
    assert len(moments) == 5 + 2 * 2
    whole = list(follow(define(trials=5, space={"epochs": 3}), digits, tmp_path / "whole"))
    firsts = [moment.val_score for moment in moments[:5]]
    assert firsts == [whole[3 * number].val_score for number in range(5)]
    best = max(range(5), key=lambda number: (firsts[number], -number))
    assert moments[5].val_score == whole[3 * best + 1].val_score


def test_levels_that_are_not_reached_take_infinitely_long(
    digits: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = vary("quickstart", 3, sampler="random").with_trials(2)
    monkeypatch.setattr("benchmarks.time_to_accuracy.vary", lambda *_, **__: definition)
    monkeypatch.setattr("benchmarks.time_to_accuracy.LEVELS", (0.2, 0.3, 1.1))
    times = reach(Strategy("random", "quickstart", {}), 3, digits, 1.0)
    assert 1.0 < times[0.2] <= times[0.3] < times[1.1] == float("inf")


def test_medians_are_reported_with_the_grids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = {strategy.name: [dict.fromkeys(LEVELS, 5.0)] * 3 for strategy in STRATEGIES}
    times[GRID] = [dict.fromkeys(LEVELS, 100.0)] * 2 + [dict.fromkeys(LEVELS, float("inf"))]
    report(times, 2.0, tmp_path)
    printed = capsys.readouterr().out
    assert "0.05" in printed
    assert "<= 0.10 met" in printed
    assert (tmp_path / "time_to_accuracy.png").exists()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_every_strategy_is_a_valid_study(strategy: Strategy) -> None:
    assert vary(strategy.study, 7, **strategy.search).seed == 7
