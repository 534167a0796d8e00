"""The two large products of a step, in float32 and with integers."""

import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.first_layer import make_first_layer
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.products import (
    Blocks,
    NetLayout,
    PackedPixels,
    Panels,
    share_out,
)

N, N_PIXELS, N_UNITS = 9, 601, 40


@pytest.mark.parametrize("are_packed", [False, True])
@pytest.mark.parametrize("shares", [[slice(0, 3)], [slice(0, 2), slice(2, 3)]])
def test_hidden_units_and_gradients_are_products_with_the_inputs(
    are_packed: bool, shares: list[slice]
) -> None:
    rng = np.random.default_rng(0)
    net = make_parameters(N_PIXELS, N_UNITS, 3, 0.1, rng)
    net["b1"] += np.float32(0.5)
    rows = rng.integers(0, 256, (N, N_PIXELS), np.uint8)
    mean_image = rng.uniform(0, 255, N_PIXELS).astype(np.float32)
    X, gradient = rows - mean_image, rng.standard_normal((N, N_UNITS)).astype(np.float32)
    pixels = PackedPixels.room(N, mean_image)
    pixels.take(rows, np.arange(N))
    inputs = pixels if are_packed else Blocks(N_PIXELS).cut(X)
    layout, units = NetLayout.of(net), Panels(N_UNITS)
    cut, dhidden = layout.cut(net), np.zeros_like(units.cut(gradient)[0])
    hidden = np.full_like(dhidden, np.nan)
    first = make_first_layer(inputs, layout, dhidden)
    for panels in shares:
        first.multiply(inputs, cut, panels, hidden)
    expected = X @ net["W1"] + net["b1"]
    np.testing.assert_allclose(units.join(hidden[np.newaxis]), expected, atol=1e-2, rtol=1e-5)
    dhidden[...] = units.cut(gradient)[0]
    for panels in shares:
        first.take_gradient(panels)
    W1_gradient = np.full_like(cut["W1"], np.nan)
    (parts,) = share_out(cut["W1"].shape, 1)
    for part in parts:
        first.multiply_transposed(inputs, part)
        W1_gradient[part.blocks, part.panels] = part.gradient
    found = units.join(W1_gradient)[:N_PIXELS]
    np.testing.assert_allclose(found, X.T @ gradient, atol=1e-2, rtol=1e-5)
