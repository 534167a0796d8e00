from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.image import imread

from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import ACCURACY, MEAN_SQUARED_ERROR, Metric
from hpsearch.foundations.png import encode_drawing, encode_png, save_figure, save_png
from hpsearch.report.curves import plot_learning_curves


def _epoch(number: int) -> Epoch:
    metrics = {"train_loss": 2.0 / number, "train_accuracy": 0.1, "learning_rate": 0.1}
    losses = {"iteration_loss": (2.5, 1.5)}
    return Epoch(number, 0.1 * number, 1.0, 0.0, metrics, losses)


@pytest.mark.parametrize("n_epochs", [1, 5])
def test_curves_are_labelled_with_the_metric_names(n_epochs: int) -> None:
    figure = plot_learning_curves([_epoch(n + 1) for n in range(n_epochs)], "trial 3", ACCURACY)
    loss, accuracy = figure.axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("iteration", "train_loss")
    assert accuracy.get_xlabel() == "epoch"
    names = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert names == ["train_accuracy", "val_accuracy"]
    assert len(loss.lines[0].get_xdata()) == 2 * n_epochs
    assert not plt.get_fignums()


def test_curves_without_steps_show_the_loss_of_each_epoch() -> None:
    epochs = [Epoch(n, 0.1 * n, 1.0, 0.0, {"train_loss": 2.0 / n}) for n in (1, 2, 3)]
    loss, accuracy = plot_learning_curves(epochs, "trial 3", ACCURACY).axes
    (curve,) = loss.lines
    assert loss.get_xlabel() == "epoch"
    assert curve.get_xdata().tolist() == [1, 2, 3]
    assert curve.get_ydata().tolist() == [2.0, 1.0, 2.0 / 3]
    assert [text.get_text() for text in accuracy.get_legend().get_texts()] == ["val_accuracy"]


def test_the_mean_loss_of_an_epoch_is_drawn_in_the_middle_of_its_steps() -> None:
    """Epochs may have steps of different numbers, as after a change of the batch size."""
    steps = [(3.0, 2.0, 1.0), (1.0,), (0.9, 0.7)]
    epochs = [
        Epoch(n, 0.5, 1.0, 0.0, {"train_loss": float(np.mean(part))}, {"iteration_loss": part})
        for n, part in enumerate(steps, 1)
    ]
    each, mean = plot_learning_curves(epochs, "trial 3", ACCURACY).axes[0].lines
    assert each.get_ydata().tolist() == [3.0, 2.0, 1.0, 1.0, 0.9, 0.7]
    assert mean.get_xdata().tolist() == [1, 3, 4.5]


@pytest.mark.parametrize("metric", [ACCURACY, MEAN_SQUARED_ERROR])
def test_scores_alone_are_drawn_of_a_trainer_that_measures_nothing(metric: Metric) -> None:
    epochs = [Epoch(n, score, 1.0, 0.0) for n, score in ((1, 0.2), (2, 0.5), (3, 0.4))]
    (scores,) = plot_learning_curves(epochs, "trial 3", metric).axes
    assert scores.get_ylabel() == metric.name
    curve, best = scores.lines
    assert curve.get_ydata().tolist() == [0.2, 0.5, 0.4]
    assert best.get_xdata() == [2 if metric is ACCURACY else 1]
    assert f"epoch {2 if metric is ACCURACY else 1}" in scores.get_title(loc="right")


@pytest.mark.filterwarnings("error")
def test_a_training_without_validation_and_one_that_diverged_can_be_drawn() -> None:
    nothing = [Epoch(n, float("nan"), 1.0, 0.0, {"train_loss": 1.0 / n}) for n in (1, 2)]
    loss = {"train_loss": float("inf")}
    diverged = [_epoch(1), Epoch(2, 0.1, 1.0, 0.0, loss, {"iteration_loss": (float("nan"),)})]
    for epochs in (nothing, diverged):
        encode_drawing(plot_learning_curves(epochs, "trial 3", ACCURACY))


def test_a_drawing_is_a_figure_or_an_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    assert encode_drawing(image) == encode_png(image)
    assert encode_drawing(Figure()).startswith(b"\x89PNG")


def test_a_picture_is_saved_pixel_by_pixel(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    save_png(image, tmp_path / "a.png")
    assert np.array_equal((imread(tmp_path / "a.png")[..., :3] * 255).round(), image)


def test_a_figure_is_saved_as_matplotlib_saves_it(tmp_path: Path) -> None:
    """To the pixel, without the channel for transparency."""
    epochs = [_epoch(n + 1) for n in range(5)]
    save_figure(plot_learning_curves(epochs, "trial 3", ACCURACY), tmp_path / "ours.png")
    plot_learning_curves(epochs, "trial 3", ACCURACY).savefig(tmp_path / "theirs.png", dpi=110)
    ours, theirs = imread(tmp_path / "ours.png"), imread(tmp_path / "theirs.png")
    assert ours.shape == (660, 880, 3)
    assert np.array_equal(ours, theirs[..., :3])
    assert (theirs[..., 3] == 1).all()
