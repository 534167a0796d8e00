"""CIFAR-10 as its author publishes it: pickled or binary batches, or an archive of them.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009,
https://www.cs.toronto.edu/~kriz/cifar.html
"""

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.archive import extract
from hpsearch.datasets.dataset import Dataset, hash_splits
from hpsearch.datasets.pickles import load_batch
from hpsearch.foundations.errors import DamagedDataError, DataError, MissingDataError
from hpsearch.foundations.files import read_bytes

if TYPE_CHECKING:
    from hpsearch.datasets.download import Archive

__all__ = ["Cifar10", "Edition", "find_cifar10", "locate_cifar10"]

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
_PICKLED_FOLDER = "cifar-10-batches-py"
_BINARY_FOLDER = "cifar-10-batches-bin"
_BINARY_SUFFIX = ".bin"
_ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")
# The last is the test split.
_BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
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
        is_pickled = (self.folder / _BATCHES[0]).is_file()
        read = self._read_pickled if is_pickled else self._read_binary
        *train, test = _BATCHES
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
            names = {name + suffix for name in _BATCHES for suffix in ("", _BINARY_SUFFIX)}
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
        expected = self.edition.md5[_BATCHES.index(name)]
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != expected:
            raise DamagedDataError(f"{path}: has the MD5 {found}, expected {expected}")
        return load_batch(content, str(path))

    def _read_binary(self, name: str) -> _Batch:
        path = self.folder / (name + _BINARY_SUFFIX)
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


def locate_cifar10(folder: Path) -> Path | None:
    """Locate CIFAR-10 in `folder`; None if it is not there.

    Parameters
    ----------
    folder : Path
        The folder of batches, or one above it, or two; or an archive, or the folder that it is in.

    Returns
    -------
    Path or None
        A folder of batches; an archive only if there is no such folder.

    Raises
    ------
    MissingDataError
        If some of the six batches are there but not all.
    """
    incomplete = None
    for candidate in _list_candidates(folder):
        for suffix in ("", _BINARY_SUFFIX):
            lacking = [n for n in _BATCHES if not (candidate / (n + suffix)).is_file()]
            if not lacking:
                return candidate
            if len(lacking) < len(_BATCHES):
                incomplete = incomplete or f"{candidate}: expected six batches of CIFAR-10, " + (
                    f"has no {lacking[0]}{suffix}"
                )
    if folder.is_file() and folder.name in _ARCHIVES:
        return folder
    for pattern in ("", "*/"):
        for name in _ARCHIVES:
            for archive in sorted(folder.glob(pattern + name)):
                if archive.is_file():
                    return archive
    if incomplete:
        raise MissingDataError(incomplete)
    return None


def _list_candidates(folder: Path) -> Iterator[Path]:
    """List folders that may hold the batches: unpacking an archive may add a level."""
    names = (_PICKLED_FOLDER, _BINARY_FOLDER)
    yield from (folder / name for name in names)
    yield folder
    for name in names:
        yield from sorted(folder.glob(f"*/{name}"))


def find_cifar10(
    folders: Sequence[Path],
    download_folder: Path,
    *,
    allow_download: bool = True,
    show_progress: bool = False,
    archive: "Archive | None" = None,
    edition: Edition = OFFICIAL,
) -> Cifar10:
    """Find CIFAR-10 in `folders`, then in `download_folder`, or else download it there.

    Parameters
    ----------
    folders : sequence of Path
        Where to look, in order.
    download_folder : Path
        Where to look last, and to put a download.
    allow_download : bool
        Whether the network may be used.
    show_progress : bool
        Draw a progress bar while downloading.
    archive : Archive, optional
        What to download; the official archive by default.
    edition : Edition
        Expected checksums of the batches.

    Returns
    -------
    Cifar10
        Not yet verified; `Cifar10.load` does that.

    Raises
    ------
    MissingDataError
        If it is not found and cannot be downloaded, or a folder holds only part of it.
    DamagedDataError
        If the download fails its checksum.
    StoreError
        If a download cannot be kept.
    """
    for folder in (*folders, download_folder):
        if located := locate_cifar10(folder):
            return Cifar10(located, edition)
    if not allow_download:
        raise MissingDataError(_describe_missing(folders, download_folder, "download not allowed"))
    # pooch and requests: only in the process that downloads, not in every worker.
    from hpsearch.datasets.download import Archive, fetch_archive

    archive = archive or Archive(_URL, _ARCHIVE_MD5, _PICKLED_FOLDER)
    try:
        fetched = fetch_archive(archive, download_folder, show_progress=show_progress)
    except MissingDataError as error:
        raise MissingDataError(_describe_missing(folders, download_folder, str(error))) from error
    return Cifar10(fetched, edition)


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


def _describe_missing(folders: Sequence[Path], download_folder: Path, reason: str) -> str:
    places = [str(folder) for folder in (*folders, download_folder)]
    return (
        f"cifar10: not in {', '.join(places)}; {reason}; put {_PICKLED_FOLDER}/ or"
        f" {_ARCHIVES[0]} into {places[0]},"
        " or set HPSEARCH_DATA_DIR to the folder that holds it, or begin with the quickstart"
        " study, which needs no download: hpsearch run quickstart"
    )
