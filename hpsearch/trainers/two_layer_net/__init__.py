"""Training of two-layer nets: gradient descent in float32, one epoch at a time, exactly resumable.

`sgd`, `start` and `selfcheck` are not imported here: their compiled loops take half a second to
load, and few of the modules that import this package train. The trainer itself is imported on first
use, as it needs all of these.
"""

from typing import TYPE_CHECKING, Any

from hpsearch.trainers.two_layer_net.averaging import averaged
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters, Optimizer, Schedule
from hpsearch.trainers.two_layer_net.optimizer_state import OptimizerState
from hpsearch.trainers.two_layer_net.prediction import score
from hpsearch.trainers.two_layer_net.weight_snapshots import (
    WeightSnapshots,
    add_snapshot,
    snapshot_epochs,
    start_snapshots,
)

if TYPE_CHECKING:
    from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

__all__ = [
    "Hyperparameters",
    "Optimizer",
    "OptimizerState",
    "Schedule",
    "TwoLayerNetTrainer",
    "WeightSnapshots",
    "add_snapshot",
    "averaged",
    "score",
    "snapshot_epochs",
    "start_snapshots",
]


def __getattr__(name: str) -> Any:
    if name == "TwoLayerNetTrainer":
        from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

        return TwoLayerNetTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
