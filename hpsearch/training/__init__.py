"""Training of two-layer nets: gradient descent in float32, one epoch at a time, exactly resumable.

`sgd`, `start` and `selfcheck` are not imported here: their compiled loops take half a second to
load, and few of the modules that import this package train.
"""

from hpsearch.training.averaging import averaged
from hpsearch.training.hyperparameters import Hyperparameters, Optimizer, Schedule
from hpsearch.training.optimizer_state import OptimizerState
from hpsearch.training.prediction import score
from hpsearch.training.weight_snapshots import (
    WeightSnapshots,
    add_snapshot,
    snapshot_epochs,
    start_snapshots,
)

__all__ = [
    "Hyperparameters",
    "Optimizer",
    "OptimizerState",
    "Schedule",
    "WeightSnapshots",
    "add_snapshot",
    "averaged",
    "score",
    "snapshot_epochs",
    "start_snapshots",
]
