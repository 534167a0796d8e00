"""Refits in a study's record: with folds, the best setting trained once more, on all examples.

A trial with folds has a net for each of them, none of which has seen all examples. The net that
comes out of the study is trained when all trials have ended and it is known which is the best.
"""

from dataclasses import asdict

from hpsearch.records import REFITS, Refit, State, best_of
from hpsearch.search.study import SearchStudy

__all__ = ["find_due_refit", "forget_failed_refits", "note_refit", "read_refits"]


def read_refits(search: SearchStudy) -> list[Refit]:
    """All that are recorded, by trial: a study that grows may get another best trial."""
    noted = search.attribute(REFITS) or []
    return [Refit(**one | {"state": State(one["state"])}) for one in noted]


def note_refit(search: SearchStudy, refit: Refit) -> None:
    """Record how a refit ended."""
    by_number = {one.number: one for one in read_refits(search)} | {refit.number: refit}
    search.note(REFITS, [asdict(one) for _, one in sorted(by_number.items())])


def forget_failed_refits(search: SearchStudy) -> list[int]:
    """Let failed refits be due again; the trial of each."""
    noted = read_refits(search)
    failed = [one for one in noted if one.state == State.FAILED]
    if failed:
        search.note(REFITS, [asdict(one) for one in noted if one not in failed])
    return [one.number for one in failed]


def find_due_refit(search: SearchStudy) -> int | None:
    """The trial whose setting is still to be trained on all examples; None if there is none.

    Until the last trial has ended nobody knows which is the best: then there is none.
    """
    if search.definition.data.n_folds is None or search.next_number() is not None:
        return None
    records = search.records()
    best = best_of(records)
    if best is None or not all(record.state.is_finished for record in records):
        return None
    is_done = any(one.number == best.number for one in read_refits(search))
    return None if is_done else best.number
