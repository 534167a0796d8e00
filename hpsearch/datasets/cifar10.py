"""CIFAR-10 as its author publishes it: pickled or binary batches, or an archive of them.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import dataclasses
import hashlib
import io
import pickle
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hpsearch.datasets.archive import extract
from hpsearch.datasets.dataset import Dataset, hash_splits
from hpsearch.foundations.errors import DamagedDataError, DataError
from hpsearch.foundations.files import read_bytes
from hpsearch.foundations.text import one_line

__all__ = ["BATCHES", "BINARY_SUFFIX", "OFFICIAL", "Cifar10", "Edition", "load_batch"]

BINARY_SUFFIX = ".bin"
# The last is the test split.
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
_CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_IMAGE_BYTES = 3 * 32 * 32

_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Edition:
    """Checksums and sizes that identify the published batches.

    Parameters
    ----------
    md5 : tuple of str
        MD5 of each pickled batch; the test batch is the last.
    arrays_sha256 : str
        `hash_splits` of the images and labels; the identity of both file formats.
    batch_size : int
        Images in a batch.
    """

    md5: tuple[str, ...]
    arrays_sha256: str
    batch_size: int


# MD5s: published with the archive, as torchvision lists them. batches.meta is never opened: the
# class names that it holds are listed above.
OFFICIAL = Edition(
    md5=(
        "c99cafc152244af753f735de768cd75f",
        "d4bba439e000b95fd0a9bffe97cbabec",
        "54ebc095f3ab1f0389bbae665268c751",
        "634d18415352ddfa80567beed471001a",
        "482c414d41f54cd18b22e5b47cb7c3cb",
        "40351d587109b95175f43aff81a1287e",
    ),
    # Computed once, from pickled batches for which the MD5s above hold.
    arrays_sha256="6bf90f5178eadb6e647dcbcd65af9fc969f1e4c559a54cbed41d483e057dfd25",
    batch_size=10_000,
)


@dataclass(frozen=True)
class Cifar10:
    """The batches of CIFAR-10, in a folder, or in an archive that has not been unpacked.

    Parameters
    ----------
    folder : Path
        The folder of the six files, or a tar file that holds them.
    edition : Edition
        Their expected checksums.
    """

    folder: Path
    edition: Edition = OFFICIAL
    name: ClassVar[str] = "cifar10"

    @property
    def checksum(self) -> str:
        """SHA-256 of the images and labels, a constant; the same for both formats."""
        return self.edition.arrays_sha256

    def load(self) -> Dataset:
        """Verify and read the six batches.

        Returns
        -------
        Dataset
            Images of shape (N, 32, 32, 3): 50,000 to train on, 10,000 to test.

        Raises
        ------
        DamagedDataError
            If a pickled batch fails its MD5, which is checked before it is unpickled; or a
            binary one has another size, a label above 9, or other images.
        MissingDataError
            If a batch is missing.
        StoreError
            If an archive cannot be unpacked into the user's folder for temporary files.
        """
        if self.folder.is_file():
            return self._load_archive()
        is_pickled = (self.folder / BATCHES[0]).is_file()
        read = self._read_pickled if is_pickled else self._read_binary
        *train, test = BATCHES
        n_images = self.edition.batch_size
        splits = (
            *_join(map(read, train), len(train) * n_images),
            *_join([read(test)], n_images),
        )
        # Pickled batches have been verified by their MD5s.
        if not is_pickled and (found := hash_splits(*splits)) != self.checksum:
            raise DamagedDataError(
                f"{self.folder}: images and labels have the SHA-256 {found},"
                f" expected {self.checksum}"
            )
        return Dataset(self.name, *splits, _CLASS_NAMES, self.checksum, str(self.folder))

    def _load_archive(self) -> Dataset:
        """Unpack the archive into a temporary folder and load it, with the same checks."""
        with tempfile.TemporaryDirectory(prefix="hpsearch-cifar10-") as unpacked:
            names = {name + suffix for name in BATCHES for suffix in ("", BINARY_SUFFIX)}
            extract(self.folder, lambda path: path.name in names, Path(unpacked))
            try:
                dataset = dataclasses.replace(self, folder=Path(unpacked)).load()
            except DataError as error:
                what = str(error).replace(f"{unpacked}/", "")
                raise type(error)(f"{self.folder}: {what}") from error
        return dataclasses.replace(dataset, source=str(self.folder))

    def _read_pickled(self, name: str) -> _Batch:
        path = self.folder / name
        content = read_bytes(path)
        expected = self.edition.md5[BATCHES.index(name)]
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != expected:
            raise DamagedDataError(f"{path}: has the MD5 {found}, expected {expected}")
        return load_batch(content, str(path))

    def _read_binary(self, name: str) -> _Batch:
        path = self.folder / (name + BINARY_SUFFIX)
        content = read_bytes(path)
        record = 1 + _IMAGE_BYTES
        expected = self.edition.batch_size * record
        if len(content) != expected:
            raise DamagedDataError(f"{path}: has {len(content)} bytes, expected {expected}")
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, record)
        labels = records[:, 0].astype(np.int64)
        if labels.max() >= len(_CLASS_NAMES):
            raise DamagedDataError(f"{path}: has the label {labels.max()}, expected 0 to 9")
        return records[:, 1:], labels


def _join(batches: Iterable[_Batch], max_images: int) -> _Batch:
    """Concatenate the batches of one split: at most `max_images` images, and their labels."""
    images = np.empty((max_images, 32, 32, 3), np.uint8)
    labels = np.empty(max_images, np.int64)
    start = 0
    for pixels, batch_labels in batches:
        some = slice(start, start + len(batch_labels))
        by_colour = pixels.reshape(-1, 3, 32, 32)
        for colour in range(3):  # three times faster than all colours at once
            images[some, :, :, colour] = by_colour[:, colour]
        labels[some] = batch_labels
        start = some.stop
    return images[:start], labels[:start]


def load_batch(content: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Unpickle the pixels and labels of one batch.

    Parameters
    ----------
    content : bytes
        Content of the file, whose published checksum has been verified.
    where : str
        Name of the file in error messages.

    Returns
    -------
    pixels : uint8 array, shape (N, 3072)
        One row per image: all its red, then all green, then all blue, as they are stored.
    labels : int64 array, shape (N,)
        Class of each row, in [0, 10).

    Raises
    ------
    DamagedDataError
        If it is not the pickle of a batch, or refers to any other callable, which is not called.
    """
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        return batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
    except Exception as error:  # a corrupt pickle can raise any
        raise DamagedDataError(f"{where}: not a CIFAR-10 batch: {one_line(error)}") from error


class _BatchUnpickler(pickle.Unpickler):
    """An unpickler that resolves only the callables of a batch: pickles can call any other."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return _ALLOWED[module, name]


def _reconstruct(_: type, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Create the array that the pickle fills next; NumPy's function is private and has moved."""
    return np.ndarray(shape, dtype)


# The official batches were pickled by Python 2 with an early NumPy.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
