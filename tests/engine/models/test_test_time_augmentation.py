from collections.abc import Callable

import numpy as np
import pytest

import hpsearch  # not the class alone: pytest would take it for tests
from hpsearch.datasets import Schema
from hpsearch.engine.models import Model
from hpsearch.trainers.two_layer_net.net import Parameters, make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.engine.models.conftest import make_net

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 5, 4, 2), dtype=np.uint8)
SCHEMA = Schema((5, 4, 2), class_names=("a", "b", "c"))


@pytest.fixture
def parameters() -> Parameters:
    return make_parameters(40, 6, 3, 0.1, np.random.default_rng(0))


@pytest.fixture
def small_net(parameters: Parameters) -> Model:
    return make_net(parameters, Preprocessing(np.full(40, 127, np.float32)), SCHEMA)


def test_views_are_all_shifts_and_their_mirror_images() -> None:
    views = list(hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1).make(IMAGES))
    assert len(views) == 18
    np.testing.assert_array_equal(views[8], IMAGES)  # the fifth shift is none
    np.testing.assert_array_equal(views[9], IMAGES[:, :, ::-1])
    assert len({view.tobytes() for view in views}) == 18


def test_a_shifted_copy_has_a_reflected_border() -> None:
    down_and_right = list(
        hpsearch.TestTimeAugmentation(horizontal_flip=False, max_shift=1).make(IMAGES)
    )[8]
    expected = IMAGES[:, [1, 0, 1, 2, 3]][:, :, [1, 0, 1, 2]]
    np.testing.assert_array_equal(down_and_right, expected)


def test_one_view_is_the_plain_prediction(small_net: Model) -> None:
    only = hpsearch.TestTimeAugmentation(horizontal_flip=False)
    np.testing.assert_array_equal(small_net.predict(IMAGES, only), small_net.predict(IMAGES))


def test_a_mirrored_image_gets_the_same_answer(small_net: Model) -> None:
    views = hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)
    labels = small_net.predict(IMAGES, views)
    mirrored = small_net.predict(IMAGES[:, :, ::-1], views)
    np.testing.assert_array_equal(labels, mirrored)
    assert not np.array_equal(labels, small_net.predict(IMAGES))


def test_the_more_confident_view_decides(small_net: Model, parameters: Parameters) -> None:
    """Probabilities are averaged, not votes counted."""
    labels = small_net.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True))
    for image, label in zip(IMAGES, labels, strict=True):
        total = 0.0
        for view in (image, image[:, ::-1]):
            x = view.reshape(-1) - 127.0
            hidden = np.maximum(x @ parameters["W1"] + parameters["b1"], 0)
            scores = hidden @ parameters["W2"] + parameters["b2"]
            total = total + np.exp(scores) / np.exp(scores).sum()
        assert np.argmax(total) == label


def test_scores_of_any_trainer_are_averaged_as_probabilities(
    train_own: Callable[..., Model],
) -> None:
    model = train_own(schema=SCHEMA)
    labels = model.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True))
    total = np.zeros((30, 3))
    for view in (IMAGES, IMAGES[:, :, ::-1]):
        shares = np.exp(model.trainer.predict(view.reshape(30, -1)))
        total += shares / shares.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(labels, total.argmax(axis=1))


def test_probabilities_are_averaged_as_they_are(
    train_own: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Softmax of them would level them: the third class would win."""
    model = train_own(schema=SCHEMA)
    views = iter([[0.55, 0.45, 0.0], [0.0, 0.29, 0.71]])
    monkeypatch.setattr(model.trainer, "predict", lambda X: np.array([next(views)] * len(X)))
    labels = model.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True))
    assert set(labels) == {1}


def test_classes_of_the_views_are_counted_as_votes(
    train_own: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train_own("NearestMeanClass", SCHEMA)
    views = iter([1, 2, 2, *[1, 1, 2] * 5])
    monkeypatch.setattr(model.trainer, "predict", lambda X: np.full(len(X), next(views)))
    labels = model.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1))
    assert set(labels) == {1}
