"""Training for studies: SGD one epoch at a time, in float32, resumable to the bit."""

from hpsearch.training.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from hpsearch.training.epoch import Epoch, Hyperparameters
from hpsearch.training.history import HISTORY_FILE, load_history, save_history
from hpsearch.training.prediction import classify, predict_labels
from hpsearch.training.sgd import train
from hpsearch.training.validation import PREDICTIONS_FILE, load_predictions, save_predictions

__all__ = [
    "CHECKPOINT_FILE",
    "HISTORY_FILE",
    "PREDICTIONS_FILE",
    "Checkpoint",
    "Epoch",
    "Hyperparameters",
    "classify",
    "load_checkpoint",
    "load_history",
    "load_predictions",
    "predict_labels",
    "save_checkpoint",
    "save_history",
    "save_predictions",
    "train",
]
