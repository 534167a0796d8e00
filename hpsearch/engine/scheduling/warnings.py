"""Warnings about a study's record when a run opens it."""

from collections.abc import Iterator

from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.records import State
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.search import check_record

__all__ = ["list_warnings"]


def list_warnings(session: Session) -> Iterator[str]:
    """Yield a line for each problem of the record and its files."""
    yield from _describe_absent_files(session)
    problems = check_record(session.search, session.folder.checksums, session.folder.history)
    yield from (f"{session.definition.name}: {problem}" for problem in problems)
    yield from read_evaluations(session.search, session.folder.test_ledger).problems


def _describe_absent_files(session: Session) -> Iterator[str]:
    """Warn if this workspace lacks the trials' files, and name the one that has them."""
    earlier, folder = session.earlier, session.folder
    if earlier is None:
        return
    absent = [
        record.number
        for record in session.search.records()
        if record.state in (State.COMPLETE, State.PRUNED)
        and not folder.trial(record.number).exists()
    ]
    if absent:
        name = session.definition.name
        yield (
            f"{name}: checkpoints and histories of {len(absent)} trials (first {absent[0]}) are "
            f"not in this workspace; {earlier.workspace} on {earlier.host} ran the study last: "
            f"copy studies/{name} from there, or hpsearch replay trains a trial again"
        )
