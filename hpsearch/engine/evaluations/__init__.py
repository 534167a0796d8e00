"""Record of test evaluations, in the workspace's ledger and in each study's record.

An evaluation is an event ``begun``, written before the test split is opened, and an event
``scored``. Each place keeps its events as a hash chain; each is checked against the other.
"""

from hpsearch.engine.evaluations.evaluation_reading import (
    Evaluations,
    TestEvaluation,
    read_evaluations,
)
from hpsearch.engine.evaluations.ledger import add_event

__all__ = ["Evaluations", "TestEvaluation", "add_event", "read_evaluations"]
