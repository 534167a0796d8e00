"""Figures by matplotlib. Only `show_net_weights` opens a window."""

from hpsearch.plots.curves import plot_learning_curves
from hpsearch.plots.saving import encode_drawing, encode_png, save_figure, save_png
from hpsearch.trainers.weight_images import show_net_weights, visualize_grid

__all__ = [
    "encode_drawing",
    "encode_png",
    "plot_learning_curves",
    "save_figure",
    "save_png",
    "show_net_weights",
    "visualize_grid",
]
