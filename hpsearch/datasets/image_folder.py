"""The user's images: a folder with a sub-folder of pictures per class, read with Pillow."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.dataset import Dataset
from hpsearch.datasets.folder_contents import FolderContents, ReadPicture, Unreadable
from hpsearch.datasets.folder_listing import FoundFile, Listing, list_files
from hpsearch.datasets.picture_files import UnreadablePictureError, decode_picture
from hpsearch.foundations.errors import DamagedDataError, MissingDataError
from hpsearch.foundations.files import expand
from hpsearch.foundations.hashing import hash_arrays, hash_data_file, hash_json
from hpsearch.foundations.text import one_line

__all__ = ["FolderSettings", "ImageFolder", "find_image_folder"]

# Version of the rules for reading and splitting pictures; part of the checksum.
_RULES_VERSION = 2


@dataclass(frozen=True)
class FolderSettings:
    """Folder of the user's images, and how they are read and grouped.

    Parameters
    ----------
    folder : Path
        The folder of class sub-folders.
    image_size : tuple of int
        Height and width that each image is cropped and resized to.
    group : str, optional
        "folder": images in one sub-folder of a class's folder stay in one split, together with
        those in sub-folders of the same name under other classes.
    """

    folder: Path
    image_size: tuple[int, int]
    group: Literal["folder"] | None = None

    def describe(self) -> dict[str, Any]:
        """Return how images are read, as JSON values, without the folder."""
        return {"image_size": list(self.image_size), "group": self.group}

    @classmethod
    def load(cls, folder: Path, described: dict[str, Any]) -> "FolderSettings":
        """Restore the settings that `describe` returned, for the images in `folder`."""
        height, width = described["image_size"]
        return cls(folder, (height, width), described["group"])


@dataclass(frozen=True)
class ImageFolder:
    """Images in a folder of class sub-folders, or of splits that hold such folders.

    The split of an image is determined by its pixels, or by the name of its group
    (`hpsearch.datasets.splitting`): independent of the machine, of file names and of other images,
    apart from identical ones.

    Parameters
    ----------
    settings : FolderSettings
        With the folder's path on this machine.
    """

    settings: FolderSettings
    name: ClassVar[str] = "folder"

    @cached_property
    def listing(self) -> Listing:
        """Files by class and split; they are not opened."""
        return list_files(self.settings.folder)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the class sub-folders, sorted."""
        return self.listing.class_names

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over the files, their classes and the settings; no image is decoded."""
        return self._identify((found, hash_data_file(found.path)) for found in self.listing.files)

    @cached_property
    def contents(self) -> FolderContents:
        """All images, decoded, and the unreadable files with the reasons."""
        read = [self._read(found) for found in self.listing.files]
        return FolderContents(
            folder=self.settings.folder,
            class_names=self.class_names,
            read=tuple(one for one in read if isinstance(one, ReadPicture)),
            unreadable=tuple(one for one in read if isinstance(one, Unreadable)),
            left_out=self.listing.left_out,
            is_grouped=self.settings.group is not None,
        )

    def load(self) -> Dataset:
        """Decode all images.

        Returns
        -------
        Dataset
            Images of shape (N, height, width, 3).

        Raises
        ------
        DamagedDataError
            If files are not images; the message lists all of them.
        """
        contents = self.contents
        if contents.unreadable:
            raise DamagedDataError(contents.describe_unreadable())
        sides, labels = contents.sides, contents.labels
        return Dataset(
            self.name,
            self._stack(contents.pictures[i] for i in sides.search),
            labels[sides.search],
            self._stack(contents.pictures[i] for i in sides.test),
            labels[sides.test],
            self.class_names,
            self._identify((picture.file, picture.sha256) for picture in contents.read),
            str(self.settings.folder),
            units=sides.units,
            is_validation=sides.is_validation,
            settings=self.settings.describe(),
            notices=contents.notices(),
        )

    def _identify(self, files: Iterable[tuple[FoundFile, str]]) -> str:
        by_group = self.settings.group is not None
        listed = sorted(
            [found.class_name, found.role or "", found.group or "" if by_group else "", sha256]
            for found, sha256 in files
        )
        return hash_json([_RULES_VERSION, self.class_names, listed, self.settings.describe()])

    def _stack(self, pictures: Iterable[ReadPicture]) -> NDArray[np.uint8]:
        fitted = [picture.fitted for picture in pictures]
        return np.stack(fitted) if fitted else np.empty((0, *self.settings.image_size, 3), np.uint8)

    def _read(self, found: FoundFile) -> ReadPicture | Unreadable:
        try:
            with found.path.open("rb") as file:
                picture = decode_picture(file)
                file.seek(0)
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, UnreadablePictureError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            return Unreadable(found.path, f"expected an image, {reason}")
        pixels = picture.pixels
        return ReadPicture(
            file=found,
            label=self.class_names.index(found.class_name),
            sha256=sha256,
            pixels_sha256=hash_arrays({"pixels": pixels}),
            width=pixels.shape[1],
            height=pixels.shape[0],
            is_flat=bool((pixels.min((0, 1)) == pixels.max((0, 1))).all()),
            has_more_frames=picture.has_more_frames,
            fitted=_crop_and_resize(pixels, self.settings.image_size),
        )


def find_image_folder(settings: FolderSettings, folders: Sequence[Path]) -> ImageFolder:
    """Find the folder of images: at its path, or by its name in one of `folders`.

    Raises
    ------
    MissingDataError
        If it is in none of these places, or access to them is denied.
    """
    place = expand(settings.folder)
    candidates = [place, *(folder / place.name for folder in folders)]
    try:
        for candidate in candidates:
            if candidate.is_dir():
                return ImageFolder(dataclasses.replace(settings, folder=candidate.resolve()))
    except OSError as error:
        raise MissingDataError(f"data.folder: {one_line(error)}") from error
    raise MissingDataError(
        f"data.folder: expected a folder of class sub-folders, found none at"
        f" {' or '.join(map(str, candidates))}"
    )


def _crop_and_resize(pixels: NDArray[np.uint8], image_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Crop the picture around its centre to the aspect ratio of `image_size`, and resize it."""
    from PIL import Image, ImageOps

    height, width = image_size
    image = Image.fromarray(pixels)
    return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR))
