"""Check of everything that a long run needs, before it starts; leaves nothing behind."""

from hpsearch.doctor.examination import examine
from hpsearch.doctor.finding import Finding

__all__ = ["Finding", "examine"]
