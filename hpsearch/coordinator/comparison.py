"""The versions that trials are trained with, compared while a study runs."""

from collections.abc import Mapping, Sequence

from hpsearch.differences import compare_versions, split_versions
from hpsearch.records import TrialRecord

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

    def add(self, record: TrialRecord) -> list[str]:
        """Take in a trial that has ended; a line for each of its versions that is a new one."""
        names = {name for name, _ in self._known}
        new = split_versions(record.versions) - self._known
        self._trials[record.number] = record.versions
        self._known |= new
        return compare_versions(self._trials, names={name for name, _ in new} & names)
