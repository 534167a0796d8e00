"""Figure of loss and scores during one training."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hpsearch.foundations.metrics import Metric

__all__ = ["plot_learning_curves"]

# Okabe & Ito 2008: distinguishable by colour-blind readers too.
_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"

# Half of the drawing time goes into ticks and their labels, a sixth into placing titles and labels.
_MAX_TICKS = 5
_MARGINS = {"left": 0.1, "right": 0.97, "bottom": 0.08, "top": 0.92, "hspace": 0.35}
_TITLE_Y = 1.02
_LOSS = "train_loss"
_X_LABEL, _Y_LABEL = (0.5, -0.12), (-0.08, 0.5)


class EpochLike(Protocol):
    """Attributes of an epoch that are drawn."""

    @property
    def number(self) -> int:
        """1 for the first."""
        ...

    @property
    def val_score(self) -> float:
        """At the end of the epoch."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """What the trainer measured."""
        ...

    @property
    def step_losses(self) -> tuple[float, ...]:
        """Loss of each step."""
        ...


def plot_learning_curves(epochs: Sequence[EpochLike], title: str, metric: Metric) -> Figure:
    """Draw the loss of each iteration, if it is known, and the scores of each epoch.

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
    has_losses = all(_LOSS in epoch.metrics for epoch in epochs)
    figure = Figure(figsize=(8, 6 if has_losses else 3.5))
    all_axes = figure.subplots(2 if has_losses else 1, 1, gridspec_kw=_MARGINS, squeeze=False)[:, 0]
    figure.suptitle(title)
    if has_losses:
        _draw_losses(all_axes[0], epochs)
    _draw_scores(all_axes[-1], epochs, metric)
    for axes in all_axes:
        axes.locator_params(nbins=_MAX_TICKS)
        # matplotlib searches for a position even of an empty title, unless it is given.
        axes.set_title("", y=_TITLE_Y)
        axes.xaxis.set_label_coords(*_X_LABEL)
        axes.yaxis.set_label_coords(*_Y_LABEL)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_losses(axes: Axes, epochs: Sequence[EpochLike]) -> None:
    losses = np.array([loss for epoch in epochs for loss in epoch.step_losses])
    means = [epoch.metrics[_LOSS] for epoch in epochs]
    style: dict[str, Any] = {
        "color": _BLUE,
        "marker": "o",
        "markersize": 3,
        "label": "mean of the epoch",
    }
    if len(losses):
        counts = np.array([len(epoch.step_losses) for epoch in epochs])
        middles = np.cumsum(counts) - (counts + 1) / 2
        axes.plot(losses, color=_GREY, linewidth=0.6, label="each iteration")
        axes.plot(middles, means, **style)
        axes.set_xlabel("iteration")
    else:
        axes.plot([epoch.number for epoch in epochs], means, **style)
        axes.set_xlabel("epoch")
    axes.set_ylabel(_LOSS)
    axes.legend(frameon=False, loc="upper right")


def _draw_scores(axes: Axes, epochs: Sequence[EpochLike], metric: Metric) -> None:
    numbers, train_name = [epoch.number for epoch in epochs], metric.train_name
    curves = [(metric.val_name, [epoch.val_score for epoch in epochs], _ORANGE)]
    if all(train_name in epoch.metrics for epoch in epochs):
        curves.insert(0, (train_name, [epoch.metrics[train_name] for epoch in epochs], _BLUE))
    for name, values, colour in curves:
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
