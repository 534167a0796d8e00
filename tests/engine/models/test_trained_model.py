import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hpsearch  # not the class alone: pytest would take it for tests
from hpsearch.datasets import Column, Schema
from hpsearch.engine.models import Model
from tests.engine.models.conftest import IMAGES as SCHEMA
from tests.engine.models.conftest import NUMBERS, make_examples

IMAGES = np.random.default_rng(1).integers(0, 256, (2500, 4, 4, 3), np.uint8)


@pytest.fixture
def _switch_often() -> Iterator[None]:
    """Let Python switch between threads after nearly every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_images_may_have_their_shape_or_be_flattened(net: Model) -> None:
    labels = net.predict(IMAGES)
    assert labels.dtype == np.int64
    assert labels.shape == (2500,)
    assert set(labels) <= {0, 1, 2}
    assert np.array_equal(net.predict(IMAGES.reshape(2500, -1)), labels)


def test_predictions_do_not_depend_on_the_other_images_of_a_call(net: Model) -> None:
    assert np.array_equal(net.predict(IMAGES[1200:1300]), net.predict(IMAGES)[1200:1300])


@pytest.mark.parametrize(
    "images", [IMAGES.astype(float), IMAGES[:, :3], IMAGES[0], np.zeros((2, 47), np.uint8)]
)
def test_other_shapes_and_types_are_refused(net: Model, images: Any) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(N, 4, 4, 3\) or \(N, 48\)"):
        net.predict(images)


def test_predictions_can_use_test_time_augmentation(net: Model) -> None:
    once, often = (
        net.predict(IMAGES),
        net.predict(IMAGES, hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)),
    )
    assert not np.array_equal(once, often)
    rows = IMAGES.reshape(len(IMAGES), -1)
    assert np.array_equal(
        net.predict(rows, hpsearch.TestTimeAugmentation(horizontal_flip=True, max_shift=1)), often
    )


@pytest.mark.usefixtures("_switch_often")
def test_a_net_can_predict_in_several_threads_at_once(net: Model) -> None:
    """A server does; the trainer keeps the inputs of the last call."""
    parts = np.array_split(IMAGES.reshape(len(IMAGES), -1), 250) * 20
    expected = [net.predict(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(net.predict, parts))
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_any_trainer_predicts_classes_in_the_same_types(train_own: Callable[..., Model]) -> None:
    X, y = make_examples(SCHEMA)
    for name in ("NearestMean", "NearestMeanClass"):
        predicted = train_own(name).predict(X)
        assert predicted.dtype == np.int64
        assert np.mean(predicted == y) > 0.9
        assert train_own(name).predict(X[:0]).dtype == np.int64


def test_numbers_are_predicted_as_float64_of_one_dimension(
    train_own: Callable[..., Model],
) -> None:
    model, (X, y) = train_own("Slope", NUMBERS), make_examples(NUMBERS)
    predicted = model.predict(X)
    assert predicted.dtype == np.float64
    assert np.allclose(predicted, y)
    assert np.array_equal(model.predict(pd.DataFrame(X, columns=["x0", "x1"])), predicted)
    assert model.predict(X[:0]).dtype == np.float64


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(2), np.zeros((2, 1, 2))])
def test_tables_of_other_shapes_are_refused(rows: Any, train_own: Callable[..., Model]) -> None:
    with pytest.raises(ValueError, match=r"expected a DataFrame or numbers of shape \(N, 2\)"):
        train_own("Slope", NUMBERS).predict(rows)


def test_what_a_trainer_may_not_return_is_refused(
    train_own: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train_own()
    for wrong in (np.zeros((60, 2)), np.zeros(60), np.full(60, 3), np.full(60, -1)):
        monkeypatch.setattr(model.trainer, "predict", lambda X, wrong=wrong: wrong)
        with pytest.raises(ValueError, match=r"^predict: expected [^\n]+$"):
            model.predict(make_examples(SCHEMA)[0])


def test_equal_models_have_equal_hashes(train_own: Callable[..., Model]) -> None:
    assert train_own().sha256() == train_own().sha256()


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "L2"), ("range", (0.0, 1.0)), ("scale", np.float32(2))]
)
def test_plain_values_of_the_state_are_part_of_the_hash(
    name: str, value: Any, train_own: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = train_own(), train_own()
    changed = {**other.trainer.state_dict(), name: value}
    monkeypatch.setattr(other.trainer, "state_dict", lambda: changed)
    assert other.sha256() != model.sha256()


def test_a_notebook_shows_the_origin_without_markup_of_the_user(
    train_own: Callable[..., Model],
) -> None:
    schema = Schema((4, 4, 3), class_names=("<b>", "dog", "ship"))
    shown = train_own(schema=schema)._repr_html_()
    assert "study small, trial 0, val_accuracy 0.5000" in shown
    assert "&lt;b&gt;, dog, ship" in shown
    assert "<img" not in shown


def test_a_notebook_shows_the_weights_of_a_net(net: Model) -> None:
    shown = net._repr_html_()
    assert shown.count('src="data:image/png;base64,') == 1
    assert 'alt="First-layer weights' in shown


def test_categories_of_a_data_frame_are_encoded_for_the_trainer(
    train_own: Callable[..., Model],
) -> None:
    schema = Schema(columns=(Column("size"), Column("kind", "category", ("a", "b"))), target="y")
    model = train_own("Slope", schema)
    frame = pd.DataFrame({"kind": ["b", "a"], "size": [1.0, 2.0]})
    codes = np.array([[1.0, 1], [2, 0]])
    assert np.array_equal(model.predict(frame), model.predict(codes))
