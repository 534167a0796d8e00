"""Training for studies: gradient descent one epoch at a time, in float32, resumable to the bit."""

from hpsearch.training.averaging import averaged
from hpsearch.training.checkpoint import (
    CHECKPOINT_FILE,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from hpsearch.training.epoch import Epoch
from hpsearch.training.film import Film, film_epochs, film_next, start_film
from hpsearch.training.history import HISTORY_FILE, load_history, save_history
from hpsearch.training.hyperparameters import Hyperparameters, Optimizer, Schedule
from hpsearch.training.optimizers import Memory
from hpsearch.training.prediction import classify, predict_labels, score
from hpsearch.training.sgd import train
from hpsearch.training.start import make_net
from hpsearch.training.validation import PREDICTIONS_FILE, load_predictions, save_predictions
from hpsearch.training.views import Views, predict_over_views

__all__ = [
    "CHECKPOINT_FILE",
    "HISTORY_FILE",
    "PREDICTIONS_FILE",
    "Checkpoint",
    "Epoch",
    "Film",
    "Hyperparameters",
    "Memory",
    "Optimizer",
    "Schedule",
    "Views",
    "averaged",
    "classify",
    "film_epochs",
    "film_next",
    "load_checkpoint",
    "load_history",
    "load_predictions",
    "make_net",
    "predict_labels",
    "predict_over_views",
    "save_checkpoint",
    "save_history",
    "save_predictions",
    "score",
    "start_film",
    "train",
]
