"""What a net is fed, and the way back to pixels."""

import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 12), dtype=np.uint8)
MEAN = IMAGES.mean(axis=0).astype(np.float32)
COMPONENTS = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 5)))[0].astype(np.float32)


def test_pixels_are_centred() -> None:
    plain = Preprocessing(MEAN)
    np.testing.assert_array_equal(plain.apply(IMAGES), IMAGES - MEAN)
    assert (plain.n_pixels, plain.n_inputs) == (12, 12)
    assert plain.arrays().keys() == {"mean_image"}


def test_with_components_centred_pixels_are_rotated() -> None:
    rotating = Preprocessing(MEAN, COMPONENTS)
    np.testing.assert_array_equal(rotating.apply(IMAGES), (IMAGES - MEAN) @ COMPONENTS)
    assert (rotating.n_pixels, rotating.n_inputs) == (12, 5)
    assert rotating.arrays().keys() == {"mean_image", "components"}


@pytest.mark.parametrize("components", [None, COMPONENTS])
def test_weights_for_pixels_give_the_same_products(components: np.ndarray | None) -> None:
    preprocessing = Preprocessing(MEAN, components)
    W1 = np.random.default_rng(2).standard_normal((preprocessing.n_inputs, 3)).astype(np.float32)
    on_pixels = (IMAGES - MEAN) @ preprocessing.to_pixels(W1)
    np.testing.assert_allclose(on_pixels, preprocessing.apply(IMAGES) @ W1, rtol=1e-3, atol=1e-2)
