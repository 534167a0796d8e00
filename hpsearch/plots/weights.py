"""First-layer weights as pictures: each hidden unit shows the image that excites it most."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.net import TwoLayerNet

__all__ = ["show_net_weights", "visualize_grid", "weight_tiles"]

_MIN_TILE = 48
_MAX_TILES = 100


def visualize_grid(Xs: NDArray[Any], ubound: float = 255.0, padding: int = 1) -> NDArray[Any]:
    """Lay images out in a near-square grid, each stretched to its own full range.

    Parameters
    ----------
    Xs : float array, shape (N, H, W, C)
        The images; a constant or non-finite one comes out black.
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
    from matplotlib import pyplot as plt  # the one that opens windows; for notebooks only

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
) -> NDArray[np.uint8]:
    """The first-layer weights of the units that matter most, as one picture.

    Parameters
    ----------
    W1 : float array, shape (D, H)
        First-layer weights, D = height * width * colours.
    W2 : float array, shape (H, C)
        Second-layer weights; units are sorted by the norm of their row, strongest first.
    image_shape : tuple of int
        Height, width, colours (1 or 3).
    max_tiles : int
        Units to show at most.

    Returns
    -------
    uint8 array, shape (h, w, 3)
        Tiles enlarged so that each is at least 48 pixels wide.
    """
    # float64: the squares of a diverged net's weights overflow float32.
    strongest = np.argsort(-np.linalg.norm(W2.astype(float), axis=1), kind="stable")[:max_tiles]
    images = W1[:, strongest].T.reshape(-1, *image_shape)
    scale = max(1, math.ceil(_MIN_TILE / image_shape[1]))
    large = images.repeat(scale, axis=1).repeat(scale, axis=2)
    grid = visualize_grid(large, padding=2).astype(np.uint8)
    return np.repeat(grid, 3, axis=2) if image_shape[2] == 1 else grid


def _stretch(image: NDArray[Any]) -> NDArray[Any]:
    low, high = image.min(), image.max()
    if not np.isfinite([low, high]).all() or low == high:
        return np.zeros_like(image)
    stretched: NDArray[Any] = (image - low) / (high - low)
    return stretched
