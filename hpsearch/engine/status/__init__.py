"""Status of a study: read from its record and its folder."""

from hpsearch.engine.status.status import Cost, Status, TrialCounts
from hpsearch.engine.status.status_reading import read_status

__all__ = ["Cost", "Status", "TrialCounts", "read_status"]
