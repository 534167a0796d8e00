"""Pictures of trials and of the best net, kept with the record, independently of MLflow.

matplotlib takes half a second to import, so only the process that draws imports it.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Preprocessing, Scaling
from hpsearch.errors import DamagedDataError
from hpsearch.files import write_atomically
from hpsearch.metrics import Metric
from hpsearch.results.net import Net
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    Epoch,
    WeightSnapshots,
    load_checkpoint,
    load_history,
)

__all__ = [
    "CURVES_FILE",
    "LOSSES_FILE",
    "WEIGHTS_FILE",
    "make_frames",
    "make_net_pictures",
    "make_trial_pictures",
]

CURVES_FILE = "learning_curves.png"
WEIGHTS_FILE = "weights.png"
LOSSES_FILE = "iteration_losses.csv"


def make_trial_pictures(
    folder: Path,
    title: str,
    metric: Metric,
    preprocessing: Preprocessing | Scaling,
    image_shape: tuple[int, int, int] | None,
) -> list[Path]:
    """Draw a finished trial's curves and first-layer weights, unless the files exist.

    Parameters
    ----------
    folder : Path
        The trial's folder.
    title : str
        Heading of the curves.
    metric : Metric
        Metric of the study.
    preprocessing : Preprocessing or Scaling
        Preprocessing of the trial's net, to draw weights in pixel space.
    image_shape : tuple of int or None
        Height, width, channels; None for tables.

    Returns
    -------
    list of Path
        Files that exist now; without a checkpoint there are no weights.
    """
    from hpsearch.plots import plot_learning_curves, save_figure, save_png, weight_tiles

    epochs = load_history(folder / HISTORY_FILE)
    paths = [folder / name for name in (CURVES_FILE, WEIGHTS_FILE, LOSSES_FILE)]
    curves, weights, losses = paths
    if epochs and not curves.exists():
        save_figure(plot_learning_curves(epochs, title, metric), curves)
    if epochs and not losses.exists():
        write_atomically(losses, _format_losses(epochs))
    if image_shape and isinstance(preprocessing, Preprocessing) and not weights.exists():
        try:
            net = load_checkpoint(folder / CHECKPOINT_FILE).net
        except (FileNotFoundError, DamagedDataError):
            pass
        else:
            W1 = preprocessing.to_pixels(net["W1"])
            save_png(weight_tiles(W1, net["W2"], image_shape), weights)
    return [path for path in paths if path.exists()]


def make_net_pictures(net: Net, snapshots: WeightSnapshots, folder: Path) -> list[Path]:
    """Draw the first-layer weights, those of each class, and the weight snapshots by epoch.

    Parameters
    ----------
    net : Net
        The study's best net.
    snapshots : WeightSnapshots
        Of its training; without frames there is no picture of it.
    folder : Path
        Folder to write to; created if it does not exist.
    """
    from hpsearch.plots import (
        plot_class_weights,
        save_figure,
        save_png,
        snapshot_strip,
        weight_tiles,
    )

    folder.mkdir(exist_ok=True)
    names = ("best_weights.png", "class_weights.png", "filmstrip.png")
    weights, classes, strip = (folder / name for name in names)
    if not isinstance(net.preprocessing, Preprocessing):
        return []
    W1, W2 = net.preprocessing.to_pixels(net.parameters["W1"]), net.parameters["W2"]
    save_png(weight_tiles(W1, W2, net.image_shape, alike=True), weights)
    save_figure(plot_class_weights(W1, W2, net.image_shape, net.class_names), classes)
    if not len(snapshots.epochs):
        return [weights, classes]
    save_png(snapshot_strip(snapshots.tiles, net.image_shape), strip)
    return [weights, classes, strip]


def make_frames(
    snapshots: WeightSnapshots, image_shape: tuple[int, int, int] | None
) -> dict[int, NDArray[np.uint8]]:
    """Draw each weight snapshot: pictures of shape (s, s, 4), by epoch."""
    from hpsearch.plots import snapshot_frame

    if image_shape is None:
        return {}
    frames = zip(snapshots.epochs, snapshots.tiles, strict=True)
    return {int(epoch): snapshot_frame(tiles, image_shape) for epoch, tiles in frames}


def _format_losses(epochs: Sequence[Epoch]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["iteration", "epoch", "train_loss"])
    iteration = 0
    for epoch in epochs:
        for loss in epoch.iteration_losses:
            writer.writerow([iteration, epoch.number, f"{loss:.6g}"])
            iteration += 1
    return text.getvalue().encode()
