"""Confirmations in a study's record: which are due after its trials, and which are done.

They are stored as a study attribute, not as trials: samplers and pruners must not use them.
"""

from dataclasses import asdict

from hpsearch.engine.records import CONFIRMATIONS, Confirmation, State, rank
from hpsearch.engine.search.refits import find_due_refit
from hpsearch.engine.search.study import SearchStudy

__all__ = ["forget_failed", "is_complete", "list_due", "note_confirmation", "read_confirmations"]


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
