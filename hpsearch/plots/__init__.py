"""Figures by matplotlib, which no other package imports. Only `show_net_weights` opens a window."""

from hpsearch.plots.curves import plot_learning_curves
from hpsearch.plots.saving import encode_png, save_figure, save_png
from hpsearch.plots.weights import (
    class_tiles,
    plot_class_weights,
    show_net_weights,
    snapshot_frame,
    snapshot_strip,
    visualize_grid,
    weight_tiles,
)

__all__ = [
    "class_tiles",
    "encode_png",
    "plot_class_weights",
    "plot_learning_curves",
    "save_figure",
    "save_png",
    "show_net_weights",
    "snapshot_frame",
    "snapshot_strip",
    "visualize_grid",
    "weight_tiles",
]
