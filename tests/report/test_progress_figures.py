"""Figures of a study's progress show every trial."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hpsearch.engine.records import State, TrialRecord
from hpsearch.foundations.metrics import MEAN_SQUARED_ERROR
from hpsearch.report.progress_figures import draw_best_so_far, draw_progress_of_studies
from tests.report.test_texts import START, make_record


def _records(values: Sequence[float], **changes: Any) -> list[TrialRecord]:
    return [
        replace(
            make_record(number, trained_s=2, drawn_s=2),
            value=value,
            ended_at=START + timedelta(seconds=2 * number),
            **changes,
        )
        for number, value in enumerate(values)
    ]


NEAR = [0.9 + number / 1000 for number in range(20)]


def test_a_trial_far_below_the_others_gets_a_panel_with_the_range_of_all() -> None:
    """It is not cut off silently, and does not press the others together."""
    figure, is_split = draw_best_so_far(_records([*NEAR, 0.1]), 1)
    assert is_split
    low, high = figure.layout.yaxis.range
    assert 0.8 < low < high < 1
    assert figure.layout.yaxis2.range is None
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert sorted(trace.yaxis for trace in dots for _ in trace.y) == ["y"] * 21 + ["y2"] * 21


@pytest.mark.parametrize("worse", [{}, {"state": State.PRUNED}])
def test_trials_near_each_other_share_one_panel_that_cuts_none(worse: dict[str, Any]) -> None:
    figure, is_split = draw_best_so_far([*_records(NEAR), *_records([0.9], **worse)], 1)
    assert not is_split
    assert figure.layout.yaxis.range is None


def test_a_loss_far_above_the_others_gets_the_panel_too() -> None:
    records = _records([0.1 + number / 1000 for number in range(20)] + [50.0])
    figure, is_split = draw_best_so_far([replace(r, metric=MEAN_SQUARED_ERROR) for r in records], 1)
    assert is_split
    assert figure.layout.yaxis.range[1] < 1


def test_studies_are_drawn_each_by_the_cores_that_it_used() -> None:
    figure = draw_progress_of_studies({"a": (_records(NEAR), 1), "b": (_records(NEAR), 2)})
    first, second = figure.data
    assert (first.name, second.name) == ("a", "b")
    assert [2 * x for x in first.x] == list(second.x)
    assert first.line.color != second.line.color
