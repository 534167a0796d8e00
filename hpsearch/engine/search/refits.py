"""Refits in a study's record: after cross-validation the best trial is trained on all examples.

A cross-validated trial has a net for each fold, none of them trained on all examples. The study's
final net is trained when all trials have ended and the best of them is known.
"""

from dataclasses import asdict

from hpsearch.engine.records import REFITS, Refit, State, best_of
from hpsearch.engine.search.study import SearchStudy

__all__ = ["find_due_refit", "forget_failed_refits", "note_refit", "read_refits"]


def read_refits(search: SearchStudy) -> list[Refit]:
    """Read the recorded refits: one for each trial that was the best when trials had ended."""
    recorded = search.attribute(REFITS) or []
    return [Refit(**one | {"state": State(one["state"])}) for one in recorded]


def note_refit(search: SearchStudy, refit: Refit) -> None:
    """Record the outcome of a refit."""
    by_number = {one.number: one for one in read_refits(search)} | {refit.number: refit}
    search.note(REFITS, [asdict(one) for _, one in sorted(by_number.items())])


def forget_failed_refits(search: SearchStudy) -> list[int]:
    """Make failed refits due again, and return their trial numbers."""
    recorded = read_refits(search)
    failed = [one for one in recorded if one.state == State.FAILED]
    if failed:
        search.note(REFITS, [asdict(one) for one in recorded if one not in failed])
    return [one.number for one in failed]


def find_due_refit(search: SearchStudy) -> int | None:
    """Find the trial that is still to be trained on all examples; None if there is none.

    No refit is due before the last trial has ended, as the best trial is not known before.
    """
    if search.definition.data.n_folds is None or search.next_number() is not None:
        return None
    records = search.records()
    best = best_of(records)
    if best is None or not all(record.state.is_finished for record in records):
        return None
    is_done = any(one.number == best.number for one in read_refits(search))
    return None if is_done else best.number
