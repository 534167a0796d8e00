"""Figures of the best net's predictions, and images embedded in the page."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.graph_objects import Figure, Heatmap

from hpsearch.engine.selection import Examination
from hpsearch.foundations.png import encode_png
from hpsearch.report.figure import COMPLETE, FADED, make_figure

__all__ = ["draw_confusion", "draw_predictions", "embed", "embed_image"]

# With more classes, the counts do not fit into the cells.
_MAX_NUMBERED = 12


def draw_confusion(examination: Examination, class_names: tuple[str, ...]) -> Figure:
    """Draw the confusion matrix: true classes in rows, predicted classes in columns."""
    counts = examination.confusion
    n_of_class = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = make_figure(440, margin={"l": 78, "r": 8, "t": 8, "b": 84})
    figure.add_trace(
        Heatmap(
            z=(counts / n_of_class).tolist(),
            x=list(class_names),
            y=list(class_names),
            text=[[str(n or "") for n in row] for row in counts.tolist()],
            texttemplate="%{text}" if len(class_names) <= _MAX_NUMBERED else None,
            customdata=counts.tolist(),
            zmin=0,
            zmax=1,
            # From transparent to blue: works on light and dark backgrounds.
            colorscale=[[0, "rgba(47,143,208,0)"], [1, "rgba(47,143,208,1)"]],
            showscale=False,
            hovertemplate="%{customdata} of the images of %{y} taken for %{x}<extra></extra>",
        )
    )
    figure.update_xaxes(title="given", type="category", tickangle=-50, showgrid=False)
    figure.update_yaxes(title="true", type="category", autorange="reversed", showgrid=False)
    return figure


def embed_image(pixels: NDArray[np.uint8], image_shape: tuple[int, int, int]) -> str:
    """Encode a raw image, shape (D,), as a data URL."""
    image = pixels.reshape(image_shape)
    if image_shape[2] == 1:
        # Digits have only 17 grey levels, which would all be dark.
        image = np.repeat((255.0 * image / max(1, image.max())).astype(np.uint8), 3, axis=2)
    return embed(encode_png(np.ascontiguousarray(image)))


def draw_predictions(targets: NDArray[Any], predictions: NDArray[Any], name: str) -> Figure:
    """Draw predicted over true values, a dot for each example, and the line of equality."""
    figure = make_figure(420)
    figure.update_xaxes(title=name)
    figure.update_yaxes(title=f"predicted {name}")
    ends = [float(targets.min()), float(targets.max())]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": FADED, "width": 1.5}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=targets.tolist(),
        y=predictions.tolist(),
        mode="markers",
        marker={"color": COMPLETE, "size": 5, "opacity": 0.6},
        hovertemplate="%{x:.4g}, predicted %{y:.4g}<extra></extra>",
    )
    return figure


def embed(png: bytes) -> str:
    """Encode a PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
