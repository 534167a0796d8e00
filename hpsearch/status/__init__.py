"""Status of a study: read from its record and its folder."""

from hpsearch.status.reading import read_status
from hpsearch.status.status import Cost, Status, TrialCounts

__all__ = ["Cost", "Status", "TrialCounts", "read_status"]
