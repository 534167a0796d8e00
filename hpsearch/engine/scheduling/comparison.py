"""Comparison of the versions that trials are trained with, while a study runs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hpsearch.engine.records import Confirmation, Refit, TrialRecord
from hpsearch.foundations.differences import compare_versions, split_versions

__all__ = ["VersionWatch"]


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
