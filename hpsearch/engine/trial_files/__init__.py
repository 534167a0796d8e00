"""Files in a trial's folder: checkpoint, history of its epochs, validation predictions."""

from hpsearch.engine.trial_files.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    FitState,
    load_checkpoint,
    save_checkpoint,
)
from hpsearch.engine.trial_files.history import (
    HISTORY_FILE,
    Epoch,
    HistoryWriter,
    load_history,
    save_history,
)
from hpsearch.engine.trial_files.predictions import (
    PREDICTIONS_FILE,
    load_predictions,
    save_predictions,
)

__all__ = [
    "CHECKPOINT_FILE",
    "HISTORY_FILE",
    "PREDICTIONS_FILE",
    "Checkpoint",
    "Epoch",
    "FitState",
    "HistoryWriter",
    "load_checkpoint",
    "load_history",
    "load_predictions",
    "save_checkpoint",
    "save_history",
    "save_predictions",
]
