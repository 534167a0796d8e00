"""Inputs of the net: what preprocessing makes of the training images, as a setting requires."""

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.hashing import hash_arrays
from hpsearch.trainers.two_layer_net.basis import Basis, PrincipalComponents
from hpsearch.trainers.two_layer_net.derived import derive_arrays, plan_arrays
from hpsearch.trainers.two_layer_net.preprocessing import InputSettings
from hpsearch.trainers.two_layer_net.scaling import Scaling
from hpsearch.trainers.two_layer_net.split import Split, make_split
from tests.trainers.two_layer_net.toys import (
    IMAGES,
    LABELS,
    SCHEMA,
    TABLE,
    make_plan,
    make_toy_split,
)

FIVE = PrincipalComponents(count=5)


@pytest.fixture(params=["as coordinates", "as images"])
def based(request: pytest.FixtureRequest) -> Split:
    """On five components, with the training images as rows of either kind."""
    return make_toy_split(FIVE, is_augmentable=request.param == "as images")


def test_without_a_transform_rows_are_pixels_and_inputs_are_centred() -> None:
    split = make_toy_split()
    np.testing.assert_array_equal(split.train_rows, IMAGES, strict=True)
    np.testing.assert_array_equal(split.train_labels, LABELS)
    assert split.preprocessing.n_inputs == 12
    assert split.image_preprocessing.components is None
    assert (split.n_classes, split.image_shape) == (3, (2, 3, 2))


def test_mean_image_is_the_float64_mean_rounded_once() -> None:
    mean_image = make_toy_split().image_preprocessing.mean_image
    expected = IMAGES.mean(axis=0).astype(np.float32)
    np.testing.assert_array_equal(mean_image, expected, strict=True)


def test_in_a_basis_training_rows_are_what_preprocessing_makes_of_the_images() -> None:
    split = make_toy_split(FIVE)
    np.testing.assert_allclose(split.train_rows, split.preprocessing.apply(IMAGES), atol=1e-3)
    assert split.train_rows.dtype == np.float32
    assert split.preprocessing.n_inputs == 5


def test_augmentable_images_stay_pixels_in_a_basis() -> None:
    split = make_toy_split(FIVE, is_augmentable=True)
    np.testing.assert_array_equal(split.train_rows, IMAGES, strict=True)
    assert split.preprocessing.n_inputs == 5


def test_variances_of_whitened_components_follow_the_power(based: Split) -> None:
    """Power 1/2 leaves all alike; the ridge keeps down what is nearly nothing."""
    plain = based.preprocessing.apply(IMAGES)
    for power in (0.0, 0.25, 0.5):
        settings = InputSettings(n_components=3, whitening=power, ridge=0.01)
        inputs = based.with_inputs(settings).preprocessing.apply(IMAGES)
        per_pixel = np.var(IMAGES - IMAGES.mean(axis=0), axis=0).mean()
        expected = plain[:, :3] / (np.var(plain[:, :3], axis=0) / per_pixel + 0.01) ** power
        np.testing.assert_allclose(inputs, expected, rtol=1e-3, atol=1e-2)


def test_scaled_pixels_have_the_standard_deviation_one_on_average(based: Split) -> None:
    plain = based.preprocessing.apply(IMAGES)
    scaled = based.with_inputs(InputSettings(contrast="global")).preprocessing.apply(IMAGES)
    std = np.sqrt(np.mean(np.var(IMAGES, axis=0)))
    np.testing.assert_allclose(scaled, plain / std, rtol=1e-4, atol=1e-5)


def test_chosen_inputs_have_the_same_bits_wherever_they_are_made(based: Split) -> None:
    """The coordinator makes them anew for an exported model, with other threads than the worker."""
    settings = InputSettings(n_components=3, whitening=0.3)
    with threadpool_limits(2):
        one = based.with_inputs(settings).preprocessing
    with threadpool_limits(1):
        other = based.with_inputs(settings).preprocessing
    assert hash_arrays(one.arrays()) == hash_arrays(other.arrays())


def test_without_settings_a_split_is_itself(based: Split) -> None:
    assert based.with_inputs(InputSettings()) is based


@pytest.mark.parametrize("basis", [None, FIVE])
def test_normalised_contrast_has_its_own_mean_image_and_variances(basis: Basis | None) -> None:
    normal = IMAGES - IMAGES.mean(axis=1, keepdims=True)
    normal = normal / np.sqrt(normal.var(axis=1, keepdims=True) + 10)
    split = make_toy_split(basis, is_augmentable=True)
    split = split.with_inputs(InputSettings(contrast="per_image"))
    preprocessing = split.image_preprocessing
    np.testing.assert_allclose(preprocessing.mean_image, normal.mean(axis=0), atol=1e-5)
    assert split.train_rows.dtype == np.uint8
    expected = normal - normal.mean(axis=0)
    if basis:
        assert split.normalised
        expected = expected @ preprocessing.components
        per_pixel = np.var(normal, axis=0).mean()
        np.testing.assert_allclose(
            split.normalised.variances, np.mean(expected**2, axis=0) / per_pixel, rtol=1e-3
        )
    np.testing.assert_allclose(preprocessing.apply(IMAGES), expected, atol=1e-4)


def test_contrast_that_was_not_prepared_for_is_refused() -> None:
    with pytest.raises(DamagedDataError, match="not prepared for normalised contrast"):
        make_toy_split().with_inputs(InputSettings(contrast="per_image"))


@pytest.mark.parametrize("target", ["class", "number"])
def test_rows_of_a_table_are_inputs_already(target: str) -> None:
    schema, X, y = TABLE[target]
    derived = derive_arrays(make_plan(), schema, X, y)
    split = make_split(schema, derived, derived.pop("X"), y)
    assert isinstance(split.preprocessing, Scaling)
    np.testing.assert_array_equal(split.train_rows, split.preprocessing.apply(X), strict=True)
    assert split.n_classes == (2 if target == "class" else 1)
    assert (split.target_scale is None) == (target == "class")
    with pytest.raises(DamagedDataError, match="images alone"):
        split.with_inputs(InputSettings(whitening=0.5))


def test_without_examples_only_the_preprocessing_is_there() -> None:
    whole = make_toy_split(FIVE)
    derived = derive_arrays(make_plan(FIVE), SCHEMA, IMAGES, LABELS)
    alone = make_split(SCHEMA, derived)
    assert hash_arrays(alone.arrays()) == hash_arrays(whole.arrays())
    assert len(alone.train_rows) == len(alone.train_labels) == 0


@pytest.mark.parametrize(
    ("changes", "is_augmentable"),
    [
        ({}, False),
        ({"contrast_normalization": ("none", "global")}, False),
        ({"whitening": (0.1, 0.5), "mixup_alpha": (0.5,), "dropout": (0.5,)}, False),
        ({"contrast_normalization": ("none", "per_image")}, True),
        ({"horizontal_flip": (0.0, 0.5)}, True),
        ({"max_shift": (0, 4)}, True),
        ({"cutout_size": (8,)}, True),
    ],
    ids=str,
)
def test_images_are_augmentable_if_any_trial_may_change_them(
    setting: Any, changes: dict[str, tuple[Any, ...]], is_augmentable: bool
) -> None:
    space = {name: (value,) for name, value in setting().model_dump().items()} | changes
    assert plan_arrays(None, space) == {"basis": None, "is_augmentable": is_augmentable}
