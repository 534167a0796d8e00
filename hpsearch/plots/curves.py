"""Figure of loss and scores during one training."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hpsearch.metrics import Metric

__all__ = ["plot_learning_curves"]

# Okabe & Ito 2008: distinguishable by colour-blind readers too.
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"

# Half of the drawing time goes into ticks and their labels, a sixth into placing titles and labels.
_MAX_TICKS = 5
_MARGINS = {"left": 0.1, "right": 0.97, "bottom": 0.08, "top": 0.92, "hspace": 0.35}
_TITLE_Y = 1.02
_X_LABEL, _Y_LABEL = (0.5, -0.12), (-0.08, 0.5)


class EpochLike(Protocol):
    """Attributes of an epoch that are drawn."""

    @property
    def number(self) -> int:
        """1 for the first."""
        ...

    @property
    def train_loss(self) -> float:
        """Mean over the epoch."""
        ...

    @property
    def train_score(self) -> float:
        """Mean over the epoch."""
        ...

    @property
    def val_score(self) -> float:
        """At the end of the epoch."""
        ...

    @property
    def iteration_losses(self) -> tuple[float, ...]:
        """Loss of each step."""
        ...


def plot_learning_curves(epochs: Sequence[EpochLike], title: str, metric: Metric) -> Figure:
    """Draw the loss of each iteration and the scores of each epoch.

    Parameters
    ----------
    epochs : sequence of Epoch
        At least one.
    title : str
        Heading.
    metric : Metric
        Metric of the scores.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot: usable in any thread, freed with its last reference.
    """
    figure = Figure(figsize=(8, 6))
    loss_axes, score_axes = figure.subplots(2, 1, gridspec_kw=_MARGINS)
    figure.suptitle(title)
    _draw_losses(loss_axes, epochs)
    _draw_scores(score_axes, epochs, metric)
    for axes in (loss_axes, score_axes):
        axes.locator_params(nbins=_MAX_TICKS)
        # matplotlib searches for a position even of an empty title, unless it is given.
        axes.set_title("", y=_TITLE_Y)
        axes.xaxis.set_label_coords(*_X_LABEL)
        axes.yaxis.set_label_coords(*_Y_LABEL)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_losses(axes: Axes, epochs: Sequence[EpochLike]) -> None:
    losses = np.array([loss for epoch in epochs for loss in epoch.iteration_losses])
    counts = np.array([len(epoch.iteration_losses) for epoch in epochs])
    middles = np.cumsum(counts) - (counts + 1) / 2
    axes.plot(losses, color=_GREY, linewidth=0.6, label="each iteration")
    axes.plot(
        middles,
        [epoch.train_loss for epoch in epochs],
        color=_BLUE,
        marker="o",
        markersize=3,
        label="mean of the epoch",
    )
    axes.set(xlabel="iteration", ylabel="train_loss")
    axes.legend(frameon=False, loc="upper right")


def _draw_scores(axes: Axes, epochs: Sequence[EpochLike], metric: Metric) -> None:
    numbers = [epoch.number for epoch in epochs]
    train, val = [epoch.train_score for epoch in epochs], [epoch.val_score for epoch in epochs]
    for name, values, colour in (
        (metric.train_name, train, _BLUE),
        (metric.val_name, val, _ORANGE),
    ):
        axes.plot(numbers, values, color=colour, marker="o", markersize=3, label=name)
    best = max(epochs, key=lambda epoch: metric.sign * epoch.val_score)
    axes.plot(best.number, best.val_score, "o", color=_ORANGE, markersize=9, fillstyle="none")
    axes.set_title(
        f"best {metric.val_name} {metric.format(best.val_score)}, epoch {best.number}",
        loc="right",
        y=_TITLE_Y,
        fontsize="small",
        color=_ORANGE,
    )
    axes.set(xlabel="epoch", ylabel=metric.name)
    axes.legend(frameon=False, loc="lower right" if metric.sign > 0 else "upper right")
