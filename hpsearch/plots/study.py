"""Optuna's plots of a study."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from optuna.visualization import matplotlib as optuna_plots

__all__ = ["plot_study"]

# Plots by the names of Optuna's functions, with the figures' sizes in inches.
_SIZES: Mapping[str, tuple[float, float]] = {
    "optimization_history": (8, 4.5),
    "param_importances": (8, 3.5),
    "slice": (14, 4),
    "parallel_coordinate": (10, 5),
    "timeline": (9, 5),
}


def plot_study(study: optuna.Study, target_name: str) -> dict[str, Figure]:
    """Draw those of Optuna's plots for which `study` has enough trials.

    Parameters
    ----------
    study : optuna.Study
        With any number of trials.
    target_name : str
        Name of the trials' values, for the axes.

    Returns
    -------
    dict
        Name to figure, from ``optimization_history``, ``param_importances``, ``slice``,
        ``parallel_coordinate``, ``timeline``.
    """
    plots: dict[str, Callable[[], Any]] = {
        "optimization_history": lambda: optuna_plots.plot_optimization_history(
            study, target_name=target_name
        ),
        "param_importances": lambda: optuna_plots.plot_param_importances(
            study, target_name=target_name
        ),
        "slice": lambda: optuna_plots.plot_slice(study, target_name=target_name),
        "parallel_coordinate": lambda: optuna_plots.plot_parallel_coordinate(
            study, target_name=target_name
        ),
        "timeline": lambda: optuna_plots.plot_timeline(study),
    }
    figures = {}
    with _plain_matplotlib():
        for name, plot in plots.items():
            figure = _draw(plot)
            if figure is not None:
                figure.set_size_inches(*_SIZES[name])
                _drop_minor_labels(figure)
                figures[name] = figure
    return figures


def _draw(plot: Callable[[], Any]) -> Figure | None:
    """Return the figure of `plot`, or None if Optuna finds too little to draw."""
    from matplotlib import pyplot as plt

    try:
        drawn = plot()
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None
    finally:
        plt.close("all")
    axes: Axes | None = drawn if isinstance(drawn, Axes) else next(iter(np.ravel(drawn)), None)
    figure = axes.get_figure() if axes is not None else None
    return figure if isinstance(figure, Figure) and axes is not None and axes.has_data() else None


def _drop_minor_labels(figure: Figure) -> None:
    """Label only the decades of logarithmic axes; labels between them would overlap."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                axis.set_minor_formatter(NullFormatter())


@contextmanager
def _plain_matplotlib() -> Iterator[None]:
    """Suppress windows, warnings and log messages; restore all settings afterwards."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(), matplotlib.rc_context():
            warnings.simplefilter("ignore")
            matplotlib.use("agg", force=False)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
