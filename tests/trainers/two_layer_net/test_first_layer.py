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
    cut_into_parts,
)

N, N_PIXELS, N_UNITS = 9, 601, 40


@pytest.mark.parametrize("are_packed", [False, True])
def test_hidden_units_and_gradients_are_products_with_the_inputs(are_packed: bool) -> None:
    rng = np.random.default_rng(0)
    net = make_parameters(N_PIXELS, N_UNITS, 3, 0.1, rng)
    net["b1"] += np.float32(0.5)
    rows = rng.integers(0, 256, (N, N_PIXELS), np.uint8)
    mean_image = rng.uniform(0, 255, N_PIXELS).astype(np.float32)
    X, gradient = rows - mean_image, rng.standard_normal((N, N_UNITS)).astype(np.float32)
    pixels = PackedPixels.allocate(N, mean_image)
    pixels.take(rows, np.arange(N))
    inputs = pixels if are_packed else Blocks(N_PIXELS).cut(X)
    layout, units = NetLayout.of(net), Panels(N_UNITS)
    cut, dhidden = layout.cut(net), np.zeros_like(units.cut(gradient)[0])
    hidden = np.full_like(dhidden, np.nan)
    first = make_first_layer(inputs, layout, dhidden)
    first.multiply(inputs, cut, hidden)
    expected = X @ net["W1"] + net["b1"]
    np.testing.assert_allclose(units.join(hidden[np.newaxis]), expected, atol=1e-2, rtol=1e-5)
    dhidden[...] = units.cut(gradient)[0]
    first.take_gradient()
    W1_gradient = np.full_like(cut["W1"], np.nan)
    for part in cut_into_parts(cut["W1"].shape):
        first.multiply_transposed(inputs, part)
        W1_gradient[part.blocks, part.panels] = part.gradient
    found = units.join(W1_gradient)[:N_PIXELS]
    np.testing.assert_allclose(found, X.T @ gradient, atol=1e-2, rtol=1e-5)
