"""What the page says in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.search import Importance
from hpsearch.engine.selection import Recommendation
from hpsearch.report.texts import (
    describe_importances,
    describe_occupancy,
    describe_recommendation,
    describe_timeline,
)
from hpsearch.report.timeline import draw_timeline

START = datetime(2026, 1, 1, tzinfo=UTC)


def make_record(number: int, *, trained_s: float, drawn_s: float) -> TrialRecord:
    return TrialRecord(
        number=number,
        state=State.COMPLETE,
        value=0.5,
        hyperparameters={},
        val_scores=(0.5,),
        net_sha256=None,
        duration_s=trained_s,
        diverged=False,
        reason=None,
        versions={},
        started_at=START,
        ended_at=START + timedelta(seconds=drawn_s),
    )


def test_bars_of_uninterrupted_trials_need_no_remark() -> None:
    records = [make_record(number, trained_s=60, drawn_s=61) for number in range(3)]
    assert describe_timeline(records) == "A bar for the training of each trial."


def test_training_before_an_interruption_is_reported_as_not_drawn() -> None:
    records = [
        make_record(0, trained_s=60, drawn_s=61),
        make_record(1, trained_s=600, drawn_s=60),
        make_record(2, trained_s=360, drawn_s=300),
    ]
    said = describe_timeline(records)
    assert "of 2 resumed trials, the last part only" in said
    assert "10 min of training before it is not drawn" in said


def test_how_busy_the_workers_were_is_measured_from_the_bars() -> None:
    """Each trial waited 40 s for its worker, then trained 60 s; one worker has two, one one."""
    records = [make_record(n, trained_s=60, drawn_s=100) for n in range(2)]
    later = START + timedelta(seconds=100)
    records.append(
        replace(records[0], number=2, started_at=later, ended_at=later + timedelta(60 / 86400))
    )
    figure, busy = draw_timeline(records, 2)
    bars = [(x, y) for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True)]
    assert sorted(bars) == [(60, 1), (60, 1), (60, 2)]
    assert busy == pytest.approx(3 * 60 / (2 * 120))
    assert describe_occupancy(2, busy) == "2 workers, busy 75% of the time shown."


def test_a_recommendation_is_a_sentence_with_its_reasons() -> None:
    one = Recommendation("epochs", 1, ("The loss is still falling", "more epochs score better"))
    expected = "Search higher epochs: the loss is still falling; more epochs score better."
    assert describe_recommendation(one) == expected
    assert describe_recommendation(replace(one, direction=0)).startswith("Keep epochs: ")


def test_the_most_important_hyperparameter_is_named_with_those_not_clearly_below_it() -> None:
    clear = {"reg": Importance(0.8, 0.7, 0.9), "dropout": Importance(0.2, 0.1, 0.3)}
    assert describe_importances(clear).endswith("(90 % CI 70%-90%), more than any other.")
    near = clear | {"dropout": Importance(0.2, 0.1, 0.75)}
    assert describe_importances(near).endswith("not clearly more than dropout.")
