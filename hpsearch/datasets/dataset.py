"""Labelled images in memory; interfaces of sources of data, and of what trainers derive from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema
from hpsearch.datasets.selecting import Items
from hpsearch.datasets.tabular import Examples, TabularDataset
from hpsearch.foundations.hashing import hash_arrays

__all__ = ["NO_PREPARATION", "Dataset", "Preparation", "Source", "hash_splits"]


@dataclass(frozen=True)
class Dataset:
    """A labelled set of images, read and verified.

    Parameters
    ----------
    name : str
        Name of the source, as in a study file.
    train_images, test_images : uint8 array, shape (N, H, W, C)
        Pixels by height, width and colour.
    train_labels, test_labels : int64 array, shape (N,)
        Index into `class_names` of each image.
    class_names : tuple of str
        Name of each class.
    checksum : str
        Identity of the source: equal for equal images and labels, whatever the file format.
    source : str
        Where it was loaded from, for display: a path or a package.
    units : tuple of str, optional
        Unit of each training image; images of one unit stay in one split. None if the training
        images are in a published order, each a unit of its own.
    is_validation : bool array, shape (N,), optional
        Whether each training image is in the source's own validation split; None without one.
    settings : mapping
        How the source reads its files, as JSON values.
    notices : tuple of str
        Messages for the user, one line each.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    checksum: str
    source: str
    units: tuple[str, ...] | None = None
    is_validation: NDArray[np.bool_] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """Shape of an image, and the classes to predict."""
        height, width, colours = self.train_images.shape[1:]
        return Schema((height, width, colours), class_names=self.class_names)

    def items(self) -> Items:
        """Describe the training images for splitting: their number, labels and units."""
        return Items(
            self.name,
            self.source,
            len(self.train_images),
            len(self.test_images),
            self.train_labels,
            self.units,
            self.is_validation,
            self.class_names,
        )

    def examples(self) -> tuple[Examples, Examples]:
        """Return pixels and labels of the training split and of the test split, an image a row."""
        train, test = (
            images.reshape(len(images), -1) for images in (self.train_images, self.test_images)
        )
        return (train, self.train_labels), (test, self.test_labels)


@dataclass(frozen=True)
class Preparation:
    """Arrays that a trainer derives from the training examples.

    Parameters
    ----------
    identity : mapping
        All that they depend on besides the examples, as JSON values; empty if there are none.
    derive : callable
        Takes the schema, the training examples, shape (N, D), and their targets, shape (N,);
        returns arrays by name. One named ``X`` is stored in place of the training examples.
    """

    identity: Mapping[str, Any]
    derive: Callable[[Schema, NDArray[Any], NDArray[Any]], Mapping[str, NDArray[Any]]]


NO_PREPARATION = Preparation({}, lambda *_: {})


class Source(Protocol):
    """A data set that has been found and can be loaded."""

    @property
    def name(self) -> str:
        """Name of the source, as in a study file."""

    @property
    def checksum(self) -> str:
        """Checksum of the data set that `load` returns; much cheaper than loading."""

    def load(self) -> Dataset | TabularDataset:
        """Verify and read the data set.

        Returns
        -------
        Dataset or TabularDataset
            The whole data set, in memory.

        Raises
        ------
        DamagedDataError
            If a file fails its checksum or its format.
        MissingDataError
            If a file has been removed since the source was found.
        """


def hash_splits(
    train_images: NDArray[np.uint8],
    train_labels: NDArray[np.int64],
    test_images: NDArray[np.uint8],
    test_labels: NDArray[np.int64],
) -> str:
    """SHA-256 that identifies a data set by its images and labels.

    Parameters
    ----------
    train_images, test_images : uint8 array, shape (N, H, W, C)
        As in `Dataset`.
    train_labels, test_labels : int64 array, shape (N,)
        As in `Dataset`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hash_arrays(
        {
            "train_images": train_images,
            "train_labels": train_labels,
            "test_images": test_images,
            "test_labels": test_labels,
        }
    )
