"""Contents of a folder of the user's images: decoded, checked and assigned to splits."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.folder_listing import FoundFile, LeftOut
from hpsearch.datasets.sides import Sides, choose_sides
from hpsearch.foundations.text import list_names

__all__ = ["FolderContents", "ReadPicture", "Remark", "Unreadable"]


@dataclass(frozen=True, eq=False)
class ReadPicture:
    """A picture that was decoded.

    Parameters
    ----------
    file : FoundFile
        Where it is.
    label : int
        Index of its class.
    sha256 : str
        Of the file.
    pixels_sha256 : str
        Of its decoded pixels, in full size: independent of the file format.
    width, height : int
        In pixels.
    is_flat : bool
        Whether all pixels are of one colour.
    has_more_frames : bool
        Whether the file holds further pictures, which are not used.
    fitted : uint8 array, shape (H, W, 3)
        The picture, resized to the study's image size.
    """

    file: FoundFile
    label: int
    sha256: str
    pixels_sha256: str
    width: int
    height: int
    is_flat: bool
    has_more_frames: bool
    fitted: NDArray[np.uint8]


@dataclass(frozen=True)
class Unreadable:
    """A file that should be a picture, and why it cannot be read."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Remark:
    """A finding about the folder, in one line.

    Parameters
    ----------
    text : str
        The finding.
    advice : str, optional
        How to fix it, if it may be a mistake.
    is_fatal : bool
        Whether the folder cannot be used until it is fixed.
    """

    text: str
    advice: str | None = None
    is_fatal: bool = False


@dataclass(frozen=True)
class FolderContents:
    """The pictures of a folder, with their duplicates, label conflicts and splits.

    Parameters
    ----------
    folder : Path
        The folder.
    class_names : tuple of str
        Name of each class.
    read : tuple of ReadPicture
        All that could be decoded.
    unreadable : tuple of Unreadable
        All that could not, with the reasons.
    left_out : tuple of LeftOut
        Files that are not pictures of a class.
    is_grouped : bool
        Whether pictures of one group stay in one split.
    """

    folder: Path
    class_names: tuple[str, ...]
    read: tuple[ReadPicture, ...]
    unreadable: tuple[Unreadable, ...]
    left_out: tuple[LeftOut, ...]
    is_grouped: bool = False

    @cached_property
    def conflicts(self) -> list[list[ReadPicture]]:
        """Groups of pictures with identical pixels under several classes; in no split."""
        return [one for one in self._copies if len({picture.label for picture in one}) > 1]

    @cached_property
    def pictures(self) -> list[ReadPicture]:
        """The pictures to split, in an order independent of file names."""
        conflicting = {one[0].pixels_sha256 for one in self.conflicts}
        kept = [picture for picture in self.read if picture.pixels_sha256 not in conflicting]
        return sorted(kept, key=lambda p: (p.pixels_sha256, p.file.group or "", p.file.role or ""))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class index of each of `pictures`."""
        return np.array([picture.label for picture in self.pictures], np.int64)

    @cached_property
    def sides(self) -> Sides:
        """Division of `pictures` into test images and all others."""
        keys = [
            (f"group {picture.file.group}", f"pixels {picture.pixels_sha256}")
            if self.is_grouped and picture.file.group is not None
            else (f"pixels {picture.pixels_sha256}",)
            for picture in self.pictures
        ]
        return choose_sides(keys, self.labels, [picture.file.role for picture in self.pictures])

    @cached_property
    def _copies(self) -> list[list[ReadPicture]]:
        """Groups of two or more pictures with identical pixels."""
        found = defaultdict(list)
        for picture in self.read:
            found[picture.pixels_sha256].append(picture)
        return [found[sha256] for sha256 in sorted(found) if len(found[sha256]) > 1]

    def describe_unreadable(self) -> str:
        """Describe every unreadable file, in one line."""
        return "; ".join(f"{one.path}: {one.reason}" for one in self.unreadable)

    def notices(self) -> tuple[str, ...]:
        """Describe the readable pictures that are left out of the splits, one line per reason."""
        remarks = self._remark_on_left_out_pictures()
        return tuple(f"{_make_printable(self.folder)}: {remark.text}" for remark in remarks)

    def remarks(self) -> Iterator[Remark]:
        """Yield all findings about the folder."""
        yield from self._remark_on_classes()
        yield from self._remark_on_files()
        yield from self._remark_on_pictures()
        yield from self._remark_on_left_out_pictures(len(self.read))
        for one in self.unreadable:
            yield Remark(
                f"{self._shorten(one.path)}: {one.reason}", "remove or replace it", is_fatal=True
            )

    def _remark_on_classes(self) -> Iterator[Remark]:
        searched = Counter(self.labels[self.sides.search].tolist())
        tested = Counter(self.labels[self.sides.test].tolist())
        counts = [
            f"{searched[label] + tested[label]} {name} ({tested[label]} for the test)"
            for label, name in enumerate(self.class_names)
        ]
        n = len(self.sides.search) + len(self.sides.test)
        place = _make_printable(self.folder)
        yield Remark(f"{place}: {n} images of {len(counts)} classes: {', '.join(counts)}")
        roles = Counter(str(picture.file.role) for picture in self.pictures if picture.file.role)
        if roles:
            counted = ", ".join(
                f"{count} images in {role}" for role, count in sorted(roles.items())
            )
            rest = "" if "test" in roles else "; a fifth of train is for the test"
            yield Remark(f"split already, and used so: {counted}{rest}")
        for there, what in ((searched, "training and validation"), (tested, "the test")):
            missing = [name for label, name in enumerate(self.class_names) if not there[label]]
            if missing and self.pictures:
                yield Remark(f"no image for {what}: {list_names(missing)}", "add images of it")

    def _remark_on_files(self) -> Iterator[Remark]:
        by_reason = defaultdict(list)
        for one in self.left_out:
            by_reason[one.reason].append(self._shorten(one.path))
        for reason, paths in sorted(by_reason.items()):
            advice = "restore or remove them" if reason == "broken links" else None
            yield Remark(f"left out, {reason}: {len(paths)} ({list_names(paths)})", advice)

    def _remark_on_pictures(self) -> Iterator[Remark]:
        areas = sorted(self.read, key=lambda picture: picture.width * picture.height)
        if areas:
            smallest, median, largest = (
                f"{one.width} x {one.height}"
                for one in (areas[0], areas[len(areas) // 2], areas[-1])
            )
            sizes = f"{smallest} to {largest}, median {median}" if smallest != largest else largest
            yield Remark(f"sizes in pixels, width x height: {sizes}")
        same = [one for one in self._copies if len({picture.label for picture in one}) == 1]
        if same:
            n = sum(map(len, same)) - len(same)
            named = list_names([self._name_files(one) for one in same])
            yield Remark(f"copies with identical pixels, which stay in one split: {n} ({named})")
        flat = [self._shorten(one.file.path) for one in self.read if one.is_flat]
        if flat:
            yield Remark(
                f"of one colour all over: {len(flat)} ({list_names(flat)})",
                "transparent images are laid on white, and 16-bit values scaled by 65,535",
            )
        more = [self._shorten(one.file.path) for one in self.read if one.has_more_frames]
        if more:
            yield Remark(
                f"of animations and pages the first is used: {len(more)} ({list_names(more)})"
            )

    def _remark_on_left_out_pictures(self, n_named: int = 5) -> Iterator[Remark]:
        if self.conflicts:
            n, advice = sum(map(len, self.conflicts)), "keep each under its right class"
            named = list_names([self._name_files(one) for one in self.conflicts], n_named)
            yield Remark(
                f"conflicting labels: {n} files are left out, as they show identical pixels under"
                f" several classes: {named}",
                advice,
            )
        crossing = [self.pictures[i].file.path for i in self.sides.crossing]
        if crossing:
            named = list_names([*map(self._shorten, crossing)], n_named)
            yield Remark(
                f"{len(crossing)} files of train or validation are left out, as they show images of"
                f" the test or validation split, or belong to a group of it: {named}",
                "remove them from one of the splits",
            )

    def _name_files(self, pictures: Sequence[ReadPicture]) -> str:
        return " = ".join(sorted(self._shorten(picture.file.path) for picture in pictures))

    def _shorten(self, path: Path) -> str:
        return _make_printable(path.relative_to(self.folder))


def _make_printable(path: Path) -> str:
    """Return the path with non-UTF-8 bytes and non-printable characters escaped."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
