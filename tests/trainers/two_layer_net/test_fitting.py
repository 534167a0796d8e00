from typing import Any

import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.fitting import fit_training_images

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (40, 12), dtype=np.uint8)
MEAN = TRAIN.mean(axis=0)
FOUR = PrincipalComponents(count=4)
FOUR_WAVES = Frequencies(4)


def _fit(basis: Basis | None, is_augmentable: bool) -> dict[str, Any]:
    return fit_training_images(TRAIN, MEAN, (2, 2, 3), basis, is_augmentable)


@pytest.mark.parametrize("basis", [None, FOUR, FOUR_WAVES])
def test_augmentable_images_stay_pixels_and_get_the_mean_of_normalised_ones(basis: Any) -> None:
    arrays = _fit(basis, True)
    assert "X" not in arrays
    assert arrays["normalised_mean_image"].shape == (12,)
    assert ("normalised_variances" in arrays) == (basis is not None)
    assert ("frequencies" in arrays) == (basis is FOUR_WAVES)


@pytest.mark.parametrize("basis", [FOUR, FOUR_WAVES])
def test_other_images_are_replaced_by_their_coordinates(basis: Basis) -> None:
    arrays = _fit(basis, False)
    assert set(arrays) == {"components", "variances", "X"}
    expected = (TRAIN - MEAN) @ arrays["components"]
    np.testing.assert_allclose(arrays["X"], expected, rtol=1e-4, atol=1e-3)


def test_without_a_basis_there_is_nothing_to_fit() -> None:
    assert not _fit(None, False)
