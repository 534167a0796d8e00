"""Check of everything that a long run needs, before it starts; leaves nothing behind."""

from hpsearch.api.doctor.examination import examine
from hpsearch.api.doctor.report_line import Finding

__all__ = ["Finding", "examine"]
