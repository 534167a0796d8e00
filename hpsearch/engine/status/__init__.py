"""Status of a study: read from its record and its folder."""

from hpsearch.engine.status.reading import read_status
from hpsearch.engine.status.status import Cost, Status, TrialCounts

__all__ = ["Cost", "Status", "TrialCounts", "read_status"]
