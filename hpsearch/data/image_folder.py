"""Own images: a folder with a sub-folder of pictures for each class, read with Pillow."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.dataset import Dataset
from hpsearch.data.reading import hash_file, one_line, read_bytes
from hpsearch.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.hashing import hash_json

__all__ = ["FolderSettings", "ImageFolder", "find_image_folder"]


@dataclass(frozen=True)
class FolderSettings:
    """Which images of one's own, and what is made of them.

    Parameters
    ----------
    folder : Path
        The folder of class sub-folders.
    image_size : tuple of int
        Height and width that each image is brought to.
    n_test : int
        How many images are kept for the test split.
    """

    folder: Path
    image_size: tuple[int, int]
    n_test: int


@dataclass(frozen=True)
class _Picture:
    path: Path
    label: int
    sha256: str


@dataclass(frozen=True)
class ImageFolder:
    """Images in a folder of class sub-folders, dealt by what is in the files.

    Any stretch of the order that they are dealt in holds the classes in about the shares that
    they have in the whole. Within a class the files' hashes give the order: as good as random,
    the same on every machine whatever the files are called, and little disturbed by new ones.

    Parameters
    ----------
    settings : FolderSettings
        With the folder where it is on this machine.
    """

    settings: FolderSettings
    name: ClassVar[str] = "folder"

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the sub-folders, sorted."""
        folders = (path for path in self.settings.folder.iterdir() if path.is_dir())
        names = sorted(path.name for path in folders if not path.name.startswith("."))
        if len(names) < 2:
            raise DamagedDataError(
                f"{self.settings.folder}: expected a sub-folder of images for each of at least two"
                f" classes, found {', '.join(names) or 'none'}"
            )
        return tuple(names)

    @cached_property
    def pictures(self) -> list[_Picture]:
        """All files, in the order in which they are dealt."""
        places = []
        for label, name in enumerate(self.class_names):
            files = _list_files(self.settings.folder / name)
            pictures = sorted(
                (_Picture(path, label, _hash(path)) for path in files),
                key=lambda picture: picture.sha256,
            )
            places += [((i + 0.5) / len(pictures), p) for i, p in enumerate(pictures)]
        places.sort(key=lambda place: (place[0], place[1].label))
        return [picture for _, picture in places]

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the files, their classes and what is made of them; decodes nothing."""
        dealt = [[picture.label, picture.sha256] for picture in self.pictures]
        settings = [self.settings.image_size, self.settings.n_test]
        return hash_json([self.class_names, dealt, settings])

    def load(self) -> Dataset:
        """Decode all images.

        Returns
        -------
        Dataset
            Images of shape (N, height, width, 3); the last in the order are the test split.

        Raises
        ------
        DamagedDataError
            If a file is no image, or has changed since it was hashed.
        UsageError
            If there are too few images.
        """
        n, n_test = len(self.pictures), self.settings.n_test
        if n <= n_test:
            raise UsageError(
                f"data.test = {n_test} leaves none of the {n} images in {self.settings.folder}"
                " to train on"
            )
        images = np.stack([_read(picture, self.settings.image_size) for picture in self.pictures])
        labels = np.array([picture.label for picture in self.pictures], np.int64)
        cut = n - n_test
        splits = (images[:cut], labels[:cut], images[cut:], labels[cut:])
        source = str(self.settings.folder)
        return Dataset(self.name, *splits, self.class_names, self.checksum, source)


def find_image_folder(settings: FolderSettings, folders: Sequence[Path]) -> ImageFolder:
    """Find the folder of images: where the settings say, or by its name in one of `folders`.

    Raises
    ------
    MissingDataError
        If it is in none of these places.
    """
    place = settings.folder.expanduser()
    candidates = [place, *(folder / place.name for folder in folders)]
    for candidate in candidates:
        if candidate.is_dir():
            found = FolderSettings(candidate.resolve(), settings.image_size, settings.n_test)
            return ImageFolder(found)
    raise MissingDataError(
        f"data.folder: expected a folder of class sub-folders, found none at"
        f" {' or '.join(map(str, candidates))}"
    )


def _list_files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    files = [path for path in found if not path.name.startswith(".")]
    if not files:
        raise DamagedDataError(f"{folder}: expected images of this class, found none")
    return files


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise DamagedDataError(f"{path}: cannot be read: {one_line(error)}") from error


def _read(picture: _Picture, image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture upright, cut to the wanted shape around its centre, resized, in RGB."""
    # Workers that share the prepared data never read a picture.
    from PIL import Image, ImageOps

    content = read_bytes(picture.path)
    if hashlib.sha256(content).hexdigest() != picture.sha256:
        raise DamagedDataError(f"{picture.path}: changed while it was being read")
    height, width = image_size
    try:
        with Image.open(io.BytesIO(content)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        fitted = ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)
    except Exception as error:  # each of Pillow's formats raises its own
        raise DamagedDataError(
            f"{picture.path}: expected an image, Pillow cannot read it: {one_line(error)}"
        ) from error
    return np.asarray(fitted)
