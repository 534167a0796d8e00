"""What the page says in words."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.status import Cost
from hpsearch.report.wording import describe_timeline, title_timeline

START = datetime(2026, 1, 1, tzinfo=UTC)


def _record(number: int, *, trained_s: float, drawn_s: float) -> TrialRecord:
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
    records = [_record(number, trained_s=60, drawn_s=61) for number in range(3)]
    assert describe_timeline(records) == "A bar for each trial."


def test_training_before_an_interruption_is_reported_as_not_drawn() -> None:
    records = [
        _record(0, trained_s=60, drawn_s=61),
        _record(1, trained_s=600, drawn_s=60),
        _record(2, trained_s=360, drawn_s=300),
    ]
    said = describe_timeline(records)
    assert "of 2 trials taken up again" in said
    assert "10 min of training before it is not drawn" in said


def test_busy_share_counts_trials_refit_and_confirmations() -> None:
    cost = Cost(55.0, 0.0, 5.0, 20.0, 20.0, 0.0, 0.0)
    material: Any = SimpleNamespace(status=SimpleNamespace(cost=cost))
    assert title_timeline(material, 2) == "2 workers, busy 80% of the time"
