"""Confirmations and refits in a study's record: the best hyperparameters, trained again.

Confirmations train the best trials on fresh seeds. A refit trains the best trial on all examples
after cross-validation, which leaves a net for each fold, none of them trained on all examples.
"""

from dataclasses import asdict

from hpsearch.engine.records import CONFIRMATIONS, REFITS, Confirmation, Refit, State, best_of, rank
from hpsearch.engine.search.search_study import SearchStudy

__all__ = [
    "find_due_refit",
    "forget_failed",
    "forget_failed_refits",
    "is_complete",
    "list_due",
    "note_confirmation",
    "note_refit",
    "read_confirmations",
    "read_refits",
]


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


def read_confirmations(search: SearchStudy) -> list[Confirmation]:
    """All recorded confirmations, by trial and replicate."""
    noted = search.attribute(CONFIRMATIONS) or []
    return [Confirmation(**one | {"state": State(one["state"])}) for one in noted]


def note_confirmation(search: SearchStudy, confirmation: Confirmation) -> None:
    """Record the outcome of a confirmation."""
    by_key = {(one.number, one.replicate): one for one in read_confirmations(search)}
    by_key[confirmation.number, confirmation.replicate] = confirmation
    search.note(CONFIRMATIONS, [asdict(one) for _, one in sorted(by_key.items())])


def forget_failed(search: SearchStudy) -> list[tuple[int, int]]:
    """Remove failed confirmations, so that they are due again; return trials and replicates."""
    noted = read_confirmations(search)
    failed = [one for one in noted if one.state == State.FAILED]
    if failed:
        search.note(CONFIRMATIONS, [asdict(one) for one in noted if one not in failed])
    return [(one.number, one.replicate) for one in failed]


def list_due(search: SearchStudy) -> list[tuple[int, int]]:
    """Trial and replicate of each confirmation to run, in the order in which they start.

    Empty until the last trial has ended: only then is it known which are the best.
    """
    confirm = search.definition.confirm
    if confirm is None or search.next_number() is not None:
        return []
    records = search.records()
    if not all(record.state.is_finished for record in records):
        return []
    done = {(one.number, one.replicate) for one in read_confirmations(search)}
    return [
        (record.number, replicate)
        for record in rank(records)[: confirm.top]
        for replicate in range(1, confirm.seeds + 1)
        if (record.number, replicate) not in done
    ]


def is_complete(search: SearchStudy) -> bool:
    """Whether all trials and confirmations have ended, and with folds the refit."""
    return (
        search.next_number() is None
        and all(record.state.is_finished for record in search.records())
        and not list_due(search)
        and find_due_refit(search) is None
    )
