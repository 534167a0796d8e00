"""Figure of an ablation: the score lost without each technique."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from hpsearch.metrics import Metric

__all__ = ["plot_ablation"]

# Okabe & Ito 2008: distinguishable by colour-blind readers too.
_BLUE, _GREY = "#0072B2", "#999999"


def plot_ablation(
    whole: Sequence[float], without: Mapping[str, Sequence[float]], metric: Metric
) -> Figure:
    """Draw how far each change of the setting moves the score, largest loss on top.

    Parameters
    ----------
    whole : sequence of float
        Validation scores of the whole setting, one for each seed.
    without : mapping
        Validation scores with each change, by the change's description.
    metric : Metric
        Metric of the scores.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are seeds, bars their means; the grey band is the range of the whole setting's seeds.
    """
    base = float(np.mean(whole))
    order = sorted(without, key=lambda change: metric.sign * np.mean(without[change]), reverse=True)
    figure = Figure(figsize=(8, 0.9 + 0.36 * len(order)), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(min(whole) - base, max(whole) - base, color=_GREY, alpha=0.25)
    axes.axvline(0, color=_GREY, linewidth=1)
    for row, change in enumerate(order):
        points = np.asarray(without[change]) - base
        axes.barh(row, points.mean(), color=_BLUE, alpha=0.35, height=0.6)
        axes.plot(points, [row] * len(points), "o", color=_BLUE, markersize=4)
    axes.set_yticks(range(len(order)), order)
    axes.set_xlabel(f"{metric.val_name}, change from the whole setting's {metric.format(base)}")
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
