import numpy as np
import pytest

import hpsearch  # not the class alone: pytest would take it for tests
from hpsearch.data import Preprocessing
from hpsearch.net import make_parameters
from hpsearch.training import predict_labels, predict_with_augmentation

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4, 2), dtype=np.uint8)
PREPROCESSING = Preprocessing(np.full(40, 127, np.float32))


@pytest.fixture
def net():
    return make_parameters(40, 6, 3, 0.1, np.random.default_rng(0))


def test_views_are_all_shifts_and_their_mirror_images():
    views = list(hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1).make(IMAGES))
    assert len(views) == 18
    np.testing.assert_array_equal(views[8], IMAGES)  # the fifth shift is none
    np.testing.assert_array_equal(views[9], IMAGES[:, :, ::-1])
    assert len({view.tobytes() for view in views}) == 18


def test_a_shifted_copy_has_a_reflected_border():
    down_and_right = list(
        hpsearch.TestTimeAugmentation(horizontal_flip=False, max_shift=1).make(IMAGES)
    )[8]
    expected = IMAGES[:, [1, 0, 1, 2, 3]][:, :, [1, 0, 1, 2]]
    np.testing.assert_array_equal(down_and_right, expected)


def test_one_view_is_the_plain_prediction(net):
    plain = predict_labels(net, IMAGES.reshape(30, -1), PREPROCESSING)
    only = hpsearch.TestTimeAugmentation(horizontal_flip=False)
    np.testing.assert_array_equal(
        predict_with_augmentation(net, IMAGES, PREPROCESSING, only), plain
    )


def test_a_mirrored_image_gets_the_same_answer(net):
    views = hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)
    labels = predict_with_augmentation(net, IMAGES, PREPROCESSING, views)
    mirrored = predict_with_augmentation(net, IMAGES[:, :, ::-1], PREPROCESSING, views)
    np.testing.assert_array_equal(labels, mirrored)
    assert not np.array_equal(labels, predict_labels(net, IMAGES.reshape(30, -1), PREPROCESSING))


def test_the_more_confident_view_decides(net):
    """Probabilities are averaged, not votes counted."""
    labels = predict_with_augmentation(
        net, IMAGES, PREPROCESSING, hpsearch.TestTimeAugmentation(horizontal_flip=True)
    )
    for image, label in zip(IMAGES, labels, strict=True):
        total = 0.0
        for view in (image, image[:, ::-1]):
            x = view.reshape(-1) - 127.0
            scores = np.maximum(x @ net["W1"] + net["b1"], 0) @ net["W2"] + net["b2"]
            total = total + np.exp(scores) / np.exp(scores).sum()
        assert np.argmax(total) == label
