"""First-layer weights as images."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from hpsearch.trainers.two_layer_net.net import TwoLayerNet
from hpsearch.trainers.two_layer_net.weight_images import (
    class_tiles,
    plot_class_weights,
    show_net_weights,
    snapshot_frame,
    snapshot_strip,
    visualize_grid,
    weight_tiles,
)


@given(
    n=st.integers(1, 12),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    n_colours=st.sampled_from([1, 3]),
    padding=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_a_grid_holds_every_image_at_its_full_range(
    n: int, height: int, width: int, n_colours: int, padding: int
) -> None:
    images = np.random.default_rng(0).standard_normal((n, height, width, n_colours))
    grid = visualize_grid(images, padding=padding)
    size = int(np.ceil(np.sqrt(n)))
    for index in range(n):
        top, left = index // size * (height + padding), index % size * (width + padding)
        tile = grid[top : top + height, left : left + width]
        image = images[index]
        if image.size > 1:
            assert np.allclose(tile, 255 * (image - image.min()) / np.ptp(image))
    assert grid.min() >= 0
    assert grid.max() <= 255


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan, np.inf])
def test_constant_and_broken_images_are_black(value: float) -> None:
    assert not visualize_grid(np.full((1, 2, 2, 3), value)).any()


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (8, 8, 1)])
def test_tiles_show_the_strongest_units_first(image_shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    W1 = rng.standard_normal((int(np.prod(image_shape)), 4))
    W2 = np.array([[1.0], [4.0], [2.0], [3.0]])
    all_tiles = weight_tiles(W1, W2, image_shape)
    assert all_tiles.dtype == np.uint8
    assert all_tiles.shape[2] == 3
    strongest = weight_tiles(W1, W2, image_shape, max_tiles=1)
    height, width, _ = strongest.shape
    assert width >= 48
    assert np.array_equal(all_tiles[:height, :width], strongest)
    assert np.array_equal(strongest, weight_tiles(W1[:, [1]], W2[[1]], image_shape))


@pytest.mark.filterwarnings("error")
def test_the_weights_of_a_diverged_net_are_drawn_without_warnings() -> None:
    W1 = np.full((64, 3), np.float32(1e30))
    W2 = np.array([[1e30], [np.inf], [np.nan]], np.float32)
    assert not weight_tiles(W1, W2, (8, 8, 1)).any()


def test_tiles_that_look_alike_are_neighbours() -> None:
    """Two kinds, shuffled, of different strengths; a blank one does no harm."""
    patterns = np.eye(64)[[0, 63, 0, 63, 0, 63, 5]] * np.array([3, 2, 1, 3, 2, 1, 0])[:, None]
    tiles = weight_tiles(patterns.T, np.ones((7, 2)), (8, 8, 1), alike=True)
    kinds = [
        "top" if tiles[y, x, 0] == 255 else "bottom" if tiles[y + 47, x + 47, 0] == 255 else "blank"
        for y in (0, 50, 100)
        for x in (0, 50, 100)
    ][:7]
    assert sum(one != other for one, other in itertools.pairwise(kinds)) == 2


def test_a_class_shows_the_units_that_contribute_for_and_against_it() -> None:
    """Loudest first, whichever of its two layers a unit's strength lies in."""
    W1 = np.zeros((64, 4))
    for unit, (place, norm) in enumerate([(0, 1.0), (7, 4.0), (56, 1.0), (63, 1.0)]):
        W1[place, unit] = norm
    W2 = np.array([[2.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    pro, contra = class_tiles(W1, W2, (8, 8, 1), 0)
    assert pro.shape == contra.shape == (48, 8 * 50 - 2, 3)
    corners = [(0, 0), (0, 47), (47, 0), (47, 47)]
    bright = [
        [i for i, (y, x) in enumerate(corners) if row[y, x + 50 * place, 0] == 255]
        for row in (pro, contra)
        for place in (0, 1, 2)
    ]
    assert bright == [[1], [0], [], [2], [], []]
    figure = plot_class_weights(W1, W2, (8, 8, 1), ["cat", "dog"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["for", "against"]
    pro, contra = figure.axes
    assert [label.get_text() for label in pro.get_yticklabels()] == ["cat", "dog"]
    assert not contra.get_yticklabels()
    shown = np.asarray(pro.get_images()[0].get_array())
    for label, middle in enumerate(pro.get_yticks()):
        tiles, _ = class_tiles(W1, W2, (8, 8, 1), label)
        assert np.array_equal(shown[int(middle) - 24 : int(middle) + 24], tiles)


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (8, 8, 1)])
def test_a_film_strip_has_a_row_for_each_frame(image_shape: tuple[int, int, int]) -> None:
    tiles = np.random.default_rng(0).integers(
        0, 256, (3, 5, int(np.prod(image_shape))), dtype=np.uint8
    )
    strip = snapshot_strip(tiles, image_shape)
    side = 64 if image_shape[0] == 32 else 48
    assert strip.shape == (3 * (side + 2) - 2, 5 * (side + 2) - 2, 3)


@pytest.mark.parametrize("image_shape", [(32, 32, 3), (8, 8, 1)])
@pytest.mark.parametrize("n_units", [3, 8, 16])
def test_a_film_frame_has_its_tiles_in_the_upper_half_of_a_square(
    n_units: int, image_shape: tuple[int, int, int]
) -> None:
    tiles = np.random.default_rng(0).integers(
        0, 256, (1, n_units, int(np.prod(image_shape))), dtype=np.uint8
    )
    strip, frame = snapshot_strip(tiles, image_shape), snapshot_frame(tiles[0], image_shape)
    side = 64 if image_shape[0] == 32 else 48
    width = min(n_units, 8) * (side + 2) - 2
    assert frame.shape == (width, width, 4)
    assert (frame[:side, :, :3] == strip[:, :width]).all()
    assert (frame[:side, :, 3] == 255).all()
    n_rows = -(-n_units // 8)
    assert not frame[n_rows * (side + 2) :].any()
    if n_units == 16:
        last = slice(width + 2, 2 * width + 2)
        assert (frame[side + 2 : 2 * side + 2, :, :3] == strip[:, last]).all()


def test_show_net_weights_works_as_in_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gca().images[0].get_array().shape))
    show_net_weights(TwoLayerNet(3072, 9, 10))
    plt.close("all")
    assert shown == [(3 * 35 - 3, 3 * 35 - 3, 3)]
