"""First-layer weights as images: for each hidden unit the input that activates it most."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.net import TwoLayerNet

__all__ = [
    "class_tiles",
    "plot_class_weights",
    "show_net_weights",
    "snapshot_frame",
    "snapshot_strip",
    "visualize_grid",
    "weight_tiles",
]

_MIN_TILE = 48
_MAX_TILES = 100
# Units shown for a class, and against it.
_N_CLASS_UNITS = 8
# Distance between the rows of two classes, in heights of a tile.
_CLASS_PITCH = 1.2
# Tiles in a row of a snapshot's image.
_FRAME_TILES = 8
_PADDING = 2


def visualize_grid(Xs: NDArray[Any], ubound: float = 255.0, padding: int = 1) -> NDArray[Any]:
    """Lay images out in a near-square grid, each stretched to its own full range.

    Parameters
    ----------
    Xs : float array, shape (N, H, W, C)
        The images; constant and non-finite ones are drawn black.
    ubound : float
        Brightness of each image's largest value; its smallest is 0.
    padding : int
        Black pixels between images.

    Returns
    -------
    float array, shape (rows * (H + padding) - padding, columns * (W + padding) - padding, C)
        Cells beyond the last image are black.
    """
    n, height, width, n_colours = Xs.shape
    size = math.ceil(math.sqrt(n))
    n_rows = math.ceil(n / size)
    grid = np.zeros(
        (n_rows * (height + padding) - padding, size * (width + padding) - padding, n_colours)
    )
    for index, image in enumerate(Xs):
        top, left = (index // size) * (height + padding), (index % size) * (width + padding)
        grid[top : top + height, left : left + width] = ubound * _stretch(image)
    return grid


def show_net_weights(net: TwoLayerNet) -> None:
    """Show the first layer of a net on CIFAR-10, as the assignment's notebook does."""
    from matplotlib import pyplot as plt  # opens windows; for notebooks only

    W1 = net.params["W1"].reshape(32, 32, 3, -1).transpose(3, 0, 1, 2)
    plt.imshow(visualize_grid(W1, padding=3).astype("uint8"))
    plt.gca().axis("off")
    plt.show()


def weight_tiles(
    W1: NDArray[Any],
    W2: NDArray[Any],
    image_shape: tuple[int, int, int],
    *,
    max_tiles: int = _MAX_TILES,
    alike: bool = False,
) -> NDArray[np.uint8]:
    """Draw the first-layer weights of the units with the largest second-layer weights.

    Parameters
    ----------
    W1 : float array, shape (D, H)
        First-layer weights, D = height * width * colours.
    W2 : float array, shape (H, C)
        Second-layer weights; units are sorted by the norm of their row, strongest first.
    image_shape : tuple of int
        Height, width, colours (1 or 3).
    max_tiles : int
        Maximum number of units.
    alike : bool
        Whether to order these units so that neighbours are similar. Takes longer than drawing.

    Returns
    -------
    uint8 array, shape (h, w, 3)
        Tiles enlarged so that each is at least 48 pixels wide.
    """
    # float64: the squares of a diverged net's weights overflow float32.
    strongest = np.argsort(-np.linalg.norm(W2.astype(float), axis=1), kind="stable")[:max_tiles]
    tiles = W1[:, strongest].T
    order = _order_alike(tiles) if alike else slice(None)
    return _lay_out(tiles[order], image_shape, visualize_grid)


def class_tiles(
    W1: NDArray[Any], W2: NDArray[Any], image_shape: tuple[int, int, int], label: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the units that contribute most for a class, and most against it, a row each.

    Parameters
    ----------
    W1 : float array, shape (D, H)
        First-layer weights.
    W2 : float array, shape (H, C)
        Second-layer weights. A unit's contribution is its weight for the class times the norm
        of its first-layer weights, so that it does not change if one is doubled and the other
        halved.
    image_shape : tuple of int
        Height, width, colours (1 or 3).
    label : int
        The class.

    Returns
    -------
    tuple of uint8 array, shape (h, w, 3)
        For and against, the largest contribution first; black where there are no more units.
    """
    contribution = W2[:, label].astype(float) * np.linalg.norm(W1.astype(float), axis=0)
    order = np.argsort(-contribution, kind="stable")
    sides = (
        [unit for unit in order[:_N_CLASS_UNITS] if contribution[unit] > 0],
        [unit for unit in order[::-1][:_N_CLASS_UNITS] if contribution[unit] < 0],
    )
    first, second = np.zeros((2, _N_CLASS_UNITS, len(W1)))
    for tiles, side in ((first, sides[0]), (second, sides[1])):
        tiles[: len(side)] = W1[:, side].T
    return (
        _lay_out(first, image_shape, _lay_in_a_row),
        _lay_out(second, image_shape, _lay_in_a_row),
    )


def plot_class_weights(
    W1: NDArray[Any],
    W2: NDArray[Any],
    image_shape: tuple[int, int, int],
    class_names: Sequence[str],
) -> Figure:
    """Draw the units that contribute most for and against each class; see `class_tiles`."""
    rows = [class_tiles(W1, W2, image_shape, label) for label in range(len(class_names))]
    height = len(rows[0][0])
    pitch = round(_CLASS_PITCH * height)
    figure = Figure(figsize=(9, 0.62 * len(class_names) + 0.4), layout="constrained")
    sides = figure.subplots(1, 2)
    for axes, title, tiles in zip(sides, ("for", "against"), zip(*rows, strict=True), strict=True):
        axes.imshow(_stack(tiles, pitch - height, 255))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(title, loc="left")
    sides[0].set_yticks(height / 2 + pitch * np.arange(len(rows)), class_names)
    sides[0].tick_params(length=0)
    return figure


def snapshot_frame(
    tiles: NDArray[np.uint8], image_shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw a weight snapshot, `tiles` of shape (U, D), as a square, uint8 of shape (s, s, 4).

    MLflow's preview shows little more than the upper half of a square. So the tiles are there,
    eight in a row, and the rest is transparent.
    """
    starts = range(0, len(tiles), _FRAME_TILES)
    rows = [
        _lay_out(tiles[start : start + _FRAME_TILES].astype(float), image_shape, _lay_in_a_row)
        for start in starts
    ]
    height, side = rows[0].shape[0] + _PADDING, rows[0].shape[1]
    frame = np.zeros((max(side, height * len(rows)), side, 4), np.uint8)
    for number, row in enumerate(rows):
        frame[number * height :][: row.shape[0], : row.shape[1], :3] = row
    frame[: height * len(rows) - _PADDING, :, 3] = 255
    return frame


def snapshot_strip(
    tiles: NDArray[np.uint8], image_shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Draw weight snapshots, `tiles` of shape (F, U, D), a row each, with a column per unit."""
    rows = [_lay_out(frame.astype(float), image_shape, _lay_in_a_row) for frame in tiles]
    return _stack(rows, _PADDING, 0)


def _order_alike(tiles: NDArray[Any]) -> NDArray[np.intp] | slice:
    """Order `tiles`, shape (n, D), so that neighbours have similar directions."""
    # Slow to import, and only the best net needs it.
    from scipy.cluster.hierarchy import leaves_list, linkage

    norms = np.linalg.norm(tiles.astype(float), axis=1, keepdims=True)
    if len(tiles) < 3 or not np.isfinite(norms).all():
        return slice(None)
    directions = tiles / np.maximum(norms, np.finfo(float).tiny)
    tree = linkage(directions, method="average", optimal_ordering=True)
    order: NDArray[np.intp] = leaves_list(tree)
    return order


def _lay_out(
    rows: NDArray[Any],
    image_shape: tuple[int, int, int],
    lay: Callable[..., NDArray[Any]],
) -> NDArray[np.uint8]:
    """Arrange images, shape (n, D), by `lay`, enlarged to at least 48 pixels' width, as RGB."""
    scale = max(1, math.ceil(_MIN_TILE / image_shape[1]))
    large = rows.reshape(-1, *image_shape).repeat(scale, axis=1).repeat(scale, axis=2)
    grid = lay(large, padding=_PADDING).astype(np.uint8)
    return np.repeat(grid, 3, axis=2) if image_shape[2] == 1 else grid


def _lay_in_a_row(Xs: NDArray[Any], padding: int) -> NDArray[Any]:
    """Arrange images side by side, stretched as by `visualize_grid`."""
    apart = [np.pad(255 * _stretch(X), ((0, 0), (0, padding), (0, 0))) for X in Xs]
    return np.concatenate(apart, axis=1)[:, :-padding]


def _stack(rows: Sequence[NDArray[np.uint8]], gap: int, grey: int) -> NDArray[np.uint8]:
    """Stack images of equal width, shape (h, w, 3), with `gap` rows of `grey` between them."""
    between = np.full((gap, *rows[0].shape[1:]), grey, np.uint8)
    return np.concatenate([part for row in rows for part in (row, between)][:-1])


def _stretch(image: NDArray[Any]) -> NDArray[Any]:
    low, high = image.min(), image.max()
    if not np.isfinite([low, high]).all() or low == high:
        return np.zeros_like(image)
    stretched: NDArray[Any] = (image - low) / (high - low)
    return stretched
