import dataclasses
from typing import Any

from hpsearch.engine.records import State, TrialRecord, best_of, fingerprint


def _record(number: int, value: float | None = 0.5, **changes: Any) -> TrialRecord:
    base = TrialRecord(
        number=number,
        state=State.COMPLETE,
        value=value,
        hyperparameters={"learning_rate": 0.1},
        val_scores=(0.1, 0.5),
        net_sha256="a",
        duration_s=1.0,
        diverged=False,
        reason=None,
        versions={},
        started_at=None,
        ended_at=None,
    )
    return dataclasses.replace(base, **changes)


def test_of_equal_trials_the_lower_number_is_best() -> None:
    best = best_of([_record(2, 0.7), _record(1, 0.7), _record(0, 0.6)])
    assert best is not None
    assert best.number == 1


def test_pruned_and_failed_trials_are_never_best() -> None:
    pruned = _record(0, 0.9, state=State.PRUNED)
    failed = _record(1, None, state=State.FAILED)
    assert best_of([pruned, failed]) is None


def test_the_fingerprint_is_over_results_not_over_times() -> None:
    base = fingerprint([_record(0)])
    assert fingerprint([_record(0, duration_s=9.0, versions={"numpy": "3"})]) == base
    assert fingerprint([_record(0, val_scores=(0.1, 0.5000000000000001))]) != base
    assert fingerprint([_record(0, state=State.PRUNED)]) != base
    assert fingerprint([_record(0, hyperparameters={"learning_rate": 0.2})]) != base


def test_the_fingerprint_covers_the_models() -> None:
    """Accuracies of a few hundred images are often equal where last bits are not."""
    assert fingerprint([_record(0, net_sha256="b")]) != fingerprint([_record(0)])


def test_unfinished_trials_are_not_in_the_fingerprint() -> None:
    running = _record(1, state=State.RUNNING)
    assert fingerprint([_record(0), running]) == fingerprint([_record(0)])
