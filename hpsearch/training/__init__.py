"""Training of two-layer nets: gradient descent in float32, one epoch at a time, exactly resumable.

`train`, `make_net` and `check_training` are imported on first use: their compiled loops take half
a second to load, and few of the modules that import this package train.
"""

from typing import TYPE_CHECKING, Any

from hpsearch.training.averaging import averaged
from hpsearch.training.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    NetState,
    load_checkpoint,
    name_by_fold,
    save_checkpoint,
)
from hpsearch.training.epoch import Epoch
from hpsearch.training.history import HISTORY_FILE, HistoryWriter, load_history, save_history
from hpsearch.training.hyperparameters import Hyperparameters, Optimizer, Schedule
from hpsearch.training.optimizer_state import OptimizerState
from hpsearch.training.prediction import classify, predict, predict_labels, score
from hpsearch.training.test_time_augmentation import TestTimeAugmentation, predict_with_augmentation
from hpsearch.training.validation import PREDICTIONS_FILE, load_predictions, save_predictions
from hpsearch.training.versions import read_versions
from hpsearch.training.weight_snapshots import (
    WeightSnapshots,
    add_snapshot,
    snapshot_epochs,
    start_snapshots,
)

if TYPE_CHECKING:
    from hpsearch.training.selfcheck import check_training
    from hpsearch.training.sgd import train
    from hpsearch.training.start import make_net

__all__ = [
    "CHECKPOINT_FILE",
    "HISTORY_FILE",
    "PREDICTIONS_FILE",
    "Checkpoint",
    "Epoch",
    "HistoryWriter",
    "Hyperparameters",
    "NetState",
    "Optimizer",
    "OptimizerState",
    "Schedule",
    "TestTimeAugmentation",
    "WeightSnapshots",
    "add_snapshot",
    "averaged",
    "check_training",
    "classify",
    "load_checkpoint",
    "load_history",
    "load_predictions",
    "make_net",
    "name_by_fold",
    "predict",
    "predict_labels",
    "predict_with_augmentation",
    "read_versions",
    "save_checkpoint",
    "save_history",
    "save_predictions",
    "score",
    "snapshot_epochs",
    "start_snapshots",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "train":
        from hpsearch.training.sgd import train

        return train
    if name == "check_training":
        from hpsearch.training.selfcheck import check_training

        return check_training
    if name == "make_net":
        from hpsearch.training.start import make_net

        return make_net
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
