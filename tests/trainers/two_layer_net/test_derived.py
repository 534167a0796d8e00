"""Arrays that the net derives from training examples, and how they are kept with the data."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import (
    PreparedData,
    SplitSpec,
    TabularSettings,
    find_source,
    load_prepared,
    open_folds,
    open_splits,
    open_validation,
    prepare,
)
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.metrics import Task
from hpsearch.trainers.two_layer_net import fitting
from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.derived import derive_arrays
from hpsearch.trainers.two_layer_net.scaling import fit_scaling
from hpsearch.trainers.two_layer_net.split import make_split
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.conftest import TWO_LAYER_NET
from tests.trainers.two_layer_net.toys import IMAGES, LABELS, SCHEMA, TABLE, make_plan

Prepare = Callable[..., PreparedData]

SIZES = SplitSpec(600, 150, 100)
THREE_FOLDS = SplitSpec(0, 0, n_folds=3, stratify=True)


@pytest.fixture
def prepare_digits(tmp_path: Path) -> Prepare:
    """Prepare the digits for an input transform, in a folder of the test's."""
    source = find_source("digits", folders=[], download_folder=tmp_path)

    def make(
        basis: Basis | None = None,
        *,
        is_augmentable: bool = False,
        folder: str = "data",
        spec: SplitSpec = SIZES,
    ) -> PreparedData:
        preparation = TWO_LAYER_NET.preparation(make_plan(basis, is_augmentable=is_augmentable))
        return prepare(source, spec, tmp_path / folder, preparation)

    return make


def test_mean_image_is_the_exact_mean_of_the_training_images() -> None:
    images, labels = IMAGES[:7], LABELS[:7]
    mean_image = derive_arrays(make_plan(), SCHEMA, images, labels)["mean_image"]
    assert mean_image.dtype == np.float64
    columns = images.T.tolist()
    assert mean_image.tolist() == [float(Fraction(sum(column), 7)) for column in columns]


def test_pixel_std_is_the_root_of_the_pixels_mean_variance() -> None:
    (pixel_std,) = derive_arrays(make_plan(), SCHEMA, IMAGES, LABELS)["pixel_std"]
    assert pixel_std == pytest.approx(np.sqrt(np.var(IMAGES, axis=0).mean()))


@pytest.mark.parametrize("basis", [None, PrincipalComponents(count=5), Frequencies(5)])
def test_pixels_are_replaced_only_in_a_basis_and_unless_they_are_augmented(
    basis: Basis | None,
) -> None:
    for is_augmentable in (False, True):
        plan = make_plan(basis, is_augmentable=is_augmentable)
        derived = derive_arrays(plan, SCHEMA, IMAGES, LABELS)
        assert ("X" in derived) == (basis is not None and not is_augmentable)
        assert ("normalised_mean_image" in derived) == is_augmentable


@pytest.mark.parametrize("target", ["class", "number"])
def test_of_a_table_the_scaling_of_columns_and_of_a_number_is_derived(target: str) -> None:
    schema, X, y = TABLE[target]
    derived = derive_arrays(make_plan(), schema, X, y)
    scaling = fit_scaling(X, schema.columns)
    np.testing.assert_array_equal(derived["scaling"], scaling.to_array())
    np.testing.assert_array_equal(derived["X"], scaling.apply(X))
    if target == "number":
        np.testing.assert_allclose(derived["target_scale"], [y.mean(), y.std()])
    assert ("target_scale" in derived) == (target == "number")


@pytest.mark.parametrize(
    ("basis", "planned"),
    [
        ("pixels", None),
        ({"components": 9}, PrincipalComponents(count=9)),
        ({"variance": 0.9}, PrincipalComponents(variance=0.9)),
        ({"frequencies": 9}, Frequencies(9)),
    ],
)
def test_the_basis_of_the_study_file_is_planned(
    basis: Any, planned: Basis | None, setting: Any
) -> None:
    space = {name: (value,) for name, value in setting().model_dump().items()}
    assert TwoLayerNetTrainer.plan_preparation({"basis": basis}, space) == make_plan(planned)


def test_every_plan_has_a_folder_and_a_checksum_of_its_own(prepare_digits: Prepare) -> None:
    bases = [
        None,
        PrincipalComponents(count=3),
        PrincipalComponents(count=4),
        PrincipalComponents(variance=0.5),
        Frequencies(3),
    ]
    all_prepared = [
        prepare_digits(basis, is_augmentable=is_augmentable)
        for basis in bases
        for is_augmentable in (False, True)
    ]
    assert len({prepared.folder for prepared in all_prepared}) == 10
    assert len({prepared.checksum for prepared in all_prepared}) == 10
    for prepared in all_prepared:
        assert load_prepared(prepared.folder) == prepared
        prepared.verify()


def test_rounding_of_the_basis_is_no_difference_in_data(
    prepare_digits: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another processor's last bits must not make a study refuse its own data."""
    here = prepare_digits(PrincipalComponents(count=3), folder="here")
    fit = fitting.fit_components

    def fit_elsewhere(*arguments: Any) -> Any:
        return np.nextafter(fit(*arguments), np.float32(1))

    monkeypatch.setattr(fitting, "fit_components", fit_elsewhere)
    there = prepare_digits(PrincipalComponents(count=3), folder="there")
    assert here.checksum == there.checksum
    assert "derived_components.npy" in here.list_differences(there.contents)


@pytest.mark.parametrize(
    ("basis", "key"),
    [
        (PrincipalComponents(count=65), "components"),
        (Frequencies(65), "frequencies"),
    ],
)
def test_a_basis_larger_than_an_image_is_refused_by_its_key(
    basis: Basis, key: str, prepare_digits: Prepare, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        prepare_digits(basis)
    assert str(caught.value) == (
        f"trainer.basis.{key} must be at most 64, the pixels of an image, got 65"
    )
    assert list((tmp_path / "data").iterdir()) == []


def test_splits_of_prepared_data_are_memory_mapped(prepare_digits: Prepare) -> None:
    prepared = prepare_digits(PrincipalComponents(count=5))
    splits = open_splits(prepared)
    split = make_split(prepared.schema, splits.derived, splits.train, splits.train_targets)
    assert isinstance(split.train_rows.base, np.memmap)
    assert split.train_rows.shape == (600, 5)
    assert split.image_preprocessing.components is splits.derived["components"]


def test_each_fold_of_images_has_a_mean_and_a_basis_of_its_own(prepare_digits: Prepare) -> None:
    data = prepare_digits(PrincipalComponents(10), spec=THREE_FOLDS)
    pixels, folds = open_validation(data)[0], open_folds(data)
    assert data.split_spec.n_train == 1497
    components = []
    for number, fold in enumerate(data.folds):
        splits = open_splits(fold)
        assert splits.train.shape == (fold.split_spec.n_train, 10)
        own = pixels[folds != number]
        np.testing.assert_array_equal(splits.derived["mean_image"], own.mean(axis=0))
        exact = (own - own.mean(axis=0)) @ splits.derived["components"]
        np.testing.assert_allclose(splits.train, exact, rtol=1e-3, atol=1e-3)
        components.append(splits.derived["components"].tobytes())
    assert len(set(components)) == 3


def test_each_fold_of_a_table_has_a_scaling_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(95, 3)), rng.normal(10, 1, 95)
    X[0, 1] = 1e6  # in the scaling of all folds but the one that it is validated in
    np.savez(tmp_path / "numbers.npz", X=X, y=y)
    settings = TabularSettings(str(tmp_path / "numbers.npz"), Task.REGRESSION)
    source = find_source("arrays", folders=[], download_folder=tmp_path, own=settings)
    preparation = TWO_LAYER_NET.preparation(make_plan())
    data = prepare(source, THREE_FOLDS, tmp_path / "data", preparation)
    examples, targets = open_validation(data)
    folds = open_folds(data)
    for number, fold in enumerate(data.folds):
        own, splits = folds != number, open_splits(fold)
        expected = fit_scaling(examples[own], data.schema.columns)
        np.testing.assert_array_equal(splits.derived["scaling"], expected.to_array())
        np.testing.assert_array_equal(splits.train, expected.apply(examples[own]))
        mean, std = splits.derived["target_scale"]
        assert (mean, std) == pytest.approx((targets[own].mean(), targets[own].std()))
    scales = [open_splits(one).derived["target_scale"] for one in (data, *data.folds)]
    assert len({scale.tobytes() for scale in scales}) == 4
