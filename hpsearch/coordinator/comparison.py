"""The versions that trials are trained with, compared while a study runs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hpsearch.differences import compare_versions, split_versions
from hpsearch.records import Confirmation, Refit, TrialRecord

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
        """A line for each version of this run that is not that of all trials so far."""
        self._known |= split_versions(here)
        return compare_versions(self._trials, here)

    def add(self, ended: TrialRecord | Confirmation | Refit) -> list[str]:
        """Take in what has ended; a line for each of its versions that is a new one."""
        names = self._learn(ended.versions)
        if not isinstance(ended, TrialRecord):
            return compare_versions(self._trials, ended.versions, names)
        self._trials[ended.number] = ended.versions
        return compare_versions(self._trials, names=names)

    def _learn(self, versions: Mapping[str, str]) -> set[str]:
        """Names of those that have a value which is new, and not the only one so far."""
        new = split_versions(versions) - self._known
        self._known |= new
        n_values = Counter(name for name, _ in self._known)
        return {name for name, _ in new if n_values[name] > 1}
