from typing import Any

import numpy as np
import pytest

import hpsearch  # not the class alone: pytest would take it for tests
from hpsearch.results import Net

IMAGES = np.random.default_rng(1).integers(0, 256, (2500, 4, 4, 3), np.uint8)


def test_images_may_have_their_shape_or_be_flattened(net: Net) -> None:
    labels = net.predict(IMAGES)
    assert labels.dtype == np.int64
    assert labels.shape == (2500,)
    assert set(labels) <= {0, 1, 2}
    assert np.array_equal(net.predict(IMAGES.reshape(2500, -1)), labels)


def test_predictions_do_not_depend_on_the_other_images_of_a_call(net: Net) -> None:
    assert np.array_equal(net.predict(IMAGES[1200:1300]), net.predict(IMAGES)[1200:1300])


@pytest.mark.parametrize(
    "images", [IMAGES.astype(float), IMAGES[:, :3], IMAGES[0], np.zeros((2, 47), np.uint8)]
)
def test_other_shapes_and_types_are_refused(net: Net, images: Any) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(N, 4, 4, 3\) or \(N, 48\)"):
        net.predict(images)


def test_predictions_can_use_test_time_augmentation(net: Net) -> None:
    once, often = (
        net.predict(IMAGES),
        net.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)),
    )
    assert not np.array_equal(once, often)
    rows = IMAGES.reshape(len(IMAGES), -1)
    assert np.array_equal(
        net.predict(rows, hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)), often
    )
