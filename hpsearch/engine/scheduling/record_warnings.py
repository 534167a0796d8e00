"""Warnings while a study runs: problems of its record and files, and versions that differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.records import Confirmation, Refit, State, TrialRecord
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.search import check_record
from hpsearch.foundations.differences import compare_versions, split_versions

__all__ = ["VersionWatch", "list_warnings"]


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


class VersionWatch:
    """Reports each difference between the versions of a study's trials once.

    Parameters
    ----------
    records : sequence of TrialRecord
        All trials so far.
    """

    def __init__(self, records: Sequence[TrialRecord]) -> None:
        self._trials = {one.number: one.versions for one in records if one.state.is_finished}
        self._known = set().union(*map(split_versions, self._trials.values()))

    def compare(self, here: Mapping[str, str]) -> list[str]:
        """Describe each version of this run that differs from an earlier trial's, a line each."""
        self._known |= split_versions(here)
        return compare_versions(self._trials, here)

    def add(self, ended: TrialRecord | Confirmation | Refit) -> list[str]:
        """Add a finished trial, confirmation or refit; describe its new versions, a line each."""
        names = self._learn(ended.versions)
        if not isinstance(ended, TrialRecord):
            return compare_versions(self._trials, ended.versions, names)
        self._trials[ended.number] = ended.versions
        return compare_versions(self._trials, names=names)

    def _learn(self, versions: Mapping[str, str]) -> set[str]:
        """Add versions; return the names of those with a new value that is not the only one."""
        new = split_versions(versions) - self._known
        self._known |= new
        n_values = Counter(name for name, _ in self._known)
        return {name for name, _ in new if n_values[name] > 1}
