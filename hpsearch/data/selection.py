"""Which images of a data set a study trains and validates on."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.basis import Frequencies
from hpsearch.data.cut import Cut
from hpsearch.data.dataset import Dataset
from hpsearch.data.splitting import order_items, take
from hpsearch.errors import UsageError

__all__ = ["Selection", "check_positive", "select"]

_Indices: TypeAlias = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Selection:
    """Indices into the training images of a `Dataset`, in the order that a study has them in.

    Parameters
    ----------
    train, validation : slice or int array
        The images to train on, and those to validate on.
    """

    train: _Indices
    validation: _Indices


def check_positive(cut: Cut) -> None:
    """Refuse sizes below 1.

    Raises
    ------
    UsageError
        Names the key.
    """
    sizes = {"train": cut.n_train, "validation": cut.n_validation, "test": cut.n_test}
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise UsageError(f"data.{name} must be at least 1, got {size}")


def _check_sizes(dataset: Dataset, cut: Cut) -> None:
    available = len(dataset.train_images)
    n_pixels = math.prod(dataset.train_images.shape[1:])
    asked = cut.n_train + cut.n_validation
    if asked > available:
        set_apart = f", besides {len(dataset.test_images)} for the test" if dataset.units else ""
        raise UsageError(
            f"data.train = {cut.n_train} and data.validation = {cut.n_validation} ask for"
            f" {asked} images, {dataset.name} has {available} for the two{set_apart}"
        )
    if not len(dataset.test_images):
        raise UsageError(
            f"{dataset.source}: none of its {available} images is for the test, as so few are"
            " there; add some, or put them into sub-folders train and test"
        )
    if cut.n_test is not None and cut.n_test > len(dataset.test_images):
        raise UsageError(
            f"data.test = {cut.n_test} asks for more test images than"
            f" the {len(dataset.test_images)} of {dataset.name}"
        )
    if cut.basis and cut.basis.count and cut.basis.count > n_pixels:
        key = "frequencies" if isinstance(cut.basis, Frequencies) else "components"
        raise UsageError(
            f"data.basis.{key} must be at most {n_pixels}, the pixels of an image of"
            f" {dataset.name}, got {cut.basis.count}"
        )


def select(dataset: Dataset, cut: Cut) -> Selection:
    """Choose the images to train on and those to validate on.

    Images in a published order are taken in it, or shuffled: first the training split, then the
    validation split. All others, and stratified splits, are taken in the order of
    `hpsearch.data.splitting`: first the validation split, so that it stays what it is when
    training grows.

    Raises
    ------
    UsageError
        If `cut` asks for more images or components than there are.
    """
    _check_sizes(dataset, cut)
    n, wanted = len(dataset.train_labels), (cut.n_validation, cut.n_train)
    if dataset.units is None and not cut.stratify:
        first = slice(cut.n_train)
        then = slice(cut.n_train, cut.n_train + cut.n_validation)
        if cut.shuffle_seed is None:
            return Selection(first, then)
        shuffled = np.random.default_rng(cut.shuffle_seed).permutation(n)
        return Selection(shuffled[first], shuffled[then])
    units = dataset.units or tuple(map(str, range(n)))
    labels = dataset.train_labels if cut.stratify else None
    order = order_items(units, labels, cut.shuffle_seed)
    if dataset.is_validation is None:
        validation, train = take(units, order, wanted)
    else:
        is_validation = dataset.is_validation[order]
        (validation,) = take(units, order[is_validation], wanted[:1])
        (train,) = take(units, order[~is_validation], wanted[1:])
    for key, found, size in (("validation", validation, wanted[0]), ("train", train, wanted[1])):
        if len(found) < size:
            raise UsageError(
                f"data.{key} = {size}: {dataset.name} has {len(found)} images for it, as those"
                " that belong together are not divided"
            )
    return Selection(train, validation)
