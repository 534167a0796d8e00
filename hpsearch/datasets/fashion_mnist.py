"""Fashion-MNIST, read from its published idx files.

Format: Y. LeCun, http://yann.lecun.com/exdb/mnist. A magic number with the type and the
number of dimensions, the dimensions (all big-endian 32-bit), then the bytes.
Data: H. Xiao, K. Rasul, R. Vollgraf, 2017, https://github.com/zalandoresearch/fashion-mnist
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.dataset import Dataset, hash_splits
from hpsearch.foundations.errors import DamagedDataError, MissingDataError
from hpsearch.foundations.files import read_bytes
from hpsearch.foundations.text import one_line

__all__ = ["FashionMnist", "find_fashion_mnist", "read_idx"]

_IMAGE_SHAPE = (28, 28)
_CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
# Folder names of its repository, of torchvision and of our own error message. MNIST's files have
# the same names, so folders of other names are not searched.
_FOLDERS = ("fashion-mnist", "FashionMNIST/raw", ".", "raw", "data/fashion")
_FOLDER_PATTERNS = (
    "*[fF]ashion*",
    "*[fF]ashion*/raw",
    "*[fF]ashion*/*[fF]ashion*",
    "*[fF]ashion*/data/fashion",
    "*/FashionMNIST/raw",
)
_FILES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
# Third byte of the magic number: unsigned bytes.
_UBYTE = 0x08


@dataclass(frozen=True)
class FashionMnist:
    """A folder of the four idx files, each plain or gzipped.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path
    name: ClassVar[str] = "fashion_mnist"

    @property
    def checksum(self) -> str:
        """SHA-256 of the images and labels; reads the files, as there is no official one."""
        return self.load().checksum

    def load(self) -> Dataset:
        """Read and validate the four files.

        Returns
        -------
        Dataset
            Images of shape (N, 28, 28, 1): 60,000 to train on, 10,000 to test.

        Raises
        ------
        DamagedDataError
            If a file is not idx, or its dimensions, length or labels are wrong.
        MissingDataError
            If a file is missing.
        """
        train_images, train_labels, test_images, test_labels = (
            _locate_file(self.folder, name) for name in _FILES
        )
        train = _read_split(train_images, train_labels)
        splits = (*train, *_read_split(test_images, test_labels))
        return Dataset(self.name, *splits, _CLASS_NAMES, hash_splits(*splits), str(self.folder))


def find_fashion_mnist(folders: Sequence[Path]) -> FashionMnist:
    """Find Fashion-MNIST in `folders`.

    Parameters
    ----------
    folders : sequence of Path
        Where to look, in order, for ``fashion-mnist/`` or ``FashionMNIST/raw/`` or the files, a
        level above and below too.

    Returns
    -------
    FashionMnist
        Not yet read; `FashionMnist.load` validates it.

    Raises
    ------
    MissingDataError
        If it is not found, or a folder holds only part of it.
    """
    incomplete = None
    for candidate in (place for folder in folders for place in _list_candidates(folder)):
        lacking = [name for name in _FILES if _find_file(candidate, name) is None]
        if not lacking:
            return FashionMnist(candidate)
        if len(lacking) < len(_FILES):
            incomplete = incomplete or f"{candidate}: expected {lacking[0]}[.gz] beside the others"
    raise MissingDataError(
        incomplete
        or f"fashion_mnist: not in {', '.join(map(str, folders))}; put"
        f" {', '.join(_FILES)} (plain or .gz) into {folders[0] / _FOLDERS[0]},"
        " or set HPSEARCH_DATA_DIR to the folder that holds fashion-mnist/"
    )


def _list_candidates(folder: Path) -> Iterator[Path]:
    yield from (folder / inner for inner in _FOLDERS)
    for pattern in _FOLDER_PATTERNS:
        yield from sorted(folder.glob(pattern))


def read_idx(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes.

    Parameters
    ----------
    path : Path
        The file; gzipped if its name ends in .gz.
    n_dimensions : int
        Expected number of dimensions.

    Returns
    -------
    uint8 array, read-only
        Of the shape in the file's header.

    Raises
    ------
    DamagedDataError
        If it is not such a file, or its length does not match its dimensions.
    MissingDataError
        If there is no such file.
    """
    content = _decompress(path) if path.suffix == ".gz" else read_bytes(path)
    header = 4 + 4 * n_dimensions
    magic = bytes((0, 0, _UBYTE, n_dimensions))
    if len(content) < header or content[:4] != magic:
        raise DamagedDataError(
            f"{path}: begins with the bytes {content[:4].hex(' ')}, expected {magic.hex(' ')}"
        )
    shape = struct.unpack(f">{n_dimensions}I", content[4:header])
    if len(content) != header + math.prod(shape):
        raise DamagedDataError(
            f"{path}: has {len(content)} bytes, expected {header + math.prod(shape)}"
            f" for dimensions {shape}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _decompress(path: Path) -> bytes:
    try:
        return gzip.decompress(read_bytes(path))
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedDataError(f"{path}: not a readable gzip: {one_line(error)}") from error


def _read_split(
    images_path: Path, labels_path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if images.shape[1:] != _IMAGE_SHAPE:
        raise DamagedDataError(
            f"{images_path}: has images of {images.shape[1:]} pixels, expected {_IMAGE_SHAPE}"
        )
    if len(labels) != len(images):
        raise DamagedDataError(
            f"{labels_path}: has {len(labels)} labels, expected {len(images)}, one per image"
        )
    if len(labels) and labels.max() >= len(_CLASS_NAMES):
        raise DamagedDataError(
            f"{labels_path}: has the label {labels.max()}, expected 0 to {len(_CLASS_NAMES) - 1}"
        )
    return images[..., np.newaxis], labels.astype(np.int64)


def _find_file(folder: Path, name: str) -> Path | None:
    paths = (folder / name, folder / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def _locate_file(folder: Path, name: str) -> Path:
    path = _find_file(folder, name)
    if path is None:
        raise MissingDataError(f"{folder}: expected {name}[.gz], found none")
    return path
