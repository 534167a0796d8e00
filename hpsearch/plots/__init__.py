"""Pictures: the only room that knows matplotlib. Nothing here opens a window unless asked."""

from hpsearch.plots.ablation import plot_ablation
from hpsearch.plots.curves import plot_learning_curves
from hpsearch.plots.saving import format_png, save_figure, save_png
from hpsearch.plots.study import plot_study
from hpsearch.plots.weights import show_net_weights, visualize_grid, weight_tiles

__all__ = [
    "format_png",
    "plot_ablation",
    "plot_learning_curves",
    "plot_study",
    "save_figure",
    "save_png",
    "show_net_weights",
    "visualize_grid",
    "weight_tiles",
]
