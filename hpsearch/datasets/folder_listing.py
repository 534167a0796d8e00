"""List the files of an image folder by class and split, and those that are left out."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.datasets.sides import Role
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.text import one_line

__all__ = ["FoundFile", "LeftOut", "Listing", "list_files"]

# Created by operating systems and archivers; compared case-insensitively.
_SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"})
_READ_ALREADY = "links to a folder that is read already"
_ROLE_NAMES: dict[str, Role] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class FoundFile:
    """A file in the folder of a class.

    Parameters
    ----------
    path : Path
        Where it is.
    class_name : str
        Its class; normalised to Unicode NFC, as file systems differ in the form they store.
    role : str or None
        The split whose folder contains it; None if the folder is not split.
    group : str or None
        The sub-folder of the class's folder that contains it; None if there is none.
    """

    path: Path
    class_name: str
    role: Role | None
    group: str | None


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not read.

    Parameters
    ----------
    path : Path
        Where it is.
    reason : str
        Why it is left out, as a category to count by.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Listing:
    """The contents of an image folder.

    Parameters
    ----------
    class_names : tuple of str
        Sorted.
    files : tuple of FoundFile
        In arbitrary order.
    left_out : tuple of LeftOut
        All other files and folders.
    """

    class_names: tuple[str, ...]
    files: tuple[FoundFile, ...]
    left_out: tuple[LeftOut, ...]


def list_files(root: Path) -> Listing:
    """List the files under `root`, which has a folder for each class, or for each split.

    Sub-folders named train, validation (or val, valid) and test are read as splits, each with a
    folder for each class; there must be no other folders beside them. Linked folders are
    followed, once per class.

    Raises
    ------
    DamagedDataError
        If `root` has neither form, a folder cannot be listed, or a class has no file.
    """
    try:
        return _list(root)
    except OSError as error:
        place = error.filename or root
        raise DamagedDataError(f"{place}: cannot be listed: {one_line(error)}") from error


def _list(root: Path) -> Listing:
    left_out: list[LeftOut] = []
    top = _list_folders(root, left_out, root)
    roles = _find_roles(root, top)
    files = [
        found
        for role, folder in (roles.items() if roles else [(None, root)])
        for class_folder in (_list_folders(folder, left_out, root) if role else top)
        for found in _list_class(root, class_folder, role, left_out)
    ]
    names = {found.class_name for found in files if found.role in (None, "train")}
    for found in files:
        if found.class_name not in names:
            raise DamagedDataError(
                f"{found.path.parent}: expected only classes that train has, which are"
                f" {', '.join(sorted(names)) or 'none'}"
            )
    if len(names) < 2:
        raise DamagedDataError(
            f"{root}: expected a sub-folder of images for each of at least two"
            f" classes, found {', '.join(sorted(names)) or 'none'}"
        )
    return Listing(tuple(sorted(names)), tuple(files), tuple(left_out))


def _find_roles(root: Path, folders: Sequence[Path]) -> dict[Role, Path] | None:
    """Map the splits to their folders; None if `folders` are those of classes."""
    roles: dict[Role, Path] = {}
    for folder in folders:
        if role := _ROLE_NAMES.get(folder.name.casefold()):
            if role in roles:
                raise DamagedDataError(
                    f"{root}: expected one folder for each split, found {roles[role].name}"
                    f" and {folder.name}"
                )
            roles[role] = folder
    if not roles:
        return None
    others = [folder.name for folder in folders if folder not in roles.values()]
    if others or "train" not in roles:
        found = ", ".join(sorted(folder.name for folder in roles.values()))
        beside = f"{', '.join(others)}; if {found} is a class, rename it" if others else "no train"
        raise DamagedDataError(
            f"{root}: {found} is read as a split of the images, but beside it there is {beside}"
        )
    return roles


def _list_class(
    root: Path, folder: Path, role: Role | None, left_out: list[LeftOut]
) -> list[FoundFile]:
    name = unicodedata.normalize("NFC", folder.name)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DamagedDataError(
            f"{folder}: expected the name of a class in UTF-8; rename the folder"
        ) from None
    if not name.isprintable():
        raise DamagedDataError(f"{root}: expected the name of a class, found {name!r}")
    visited = {_get_file_id(root), _get_file_id(folder)}
    paths = list(_walk(root, folder, visited, left_out))
    if not paths:
        raise DamagedDataError(f"{folder}: expected images of this class, found none")
    return [FoundFile(path, name, role, _name_group(path, folder)) for path in paths]


def _name_group(path: Path, folder: Path) -> str | None:
    first, *rest = path.relative_to(folder).parts
    return unicodedata.normalize("NFC", first) if rest else None


def _list_folders(folder: Path, left_out: list[LeftOut], root: Path) -> list[Path]:
    """List the folders in `folder`, and record its files as left out."""
    folders = []
    for entry in _scan(folder, left_out):
        if not entry.is_dir():
            left_out.append(LeftOut(Path(entry), "files beside the class folders"))
        elif _links_to_ancestor(root, Path(entry)):
            left_out.append(LeftOut(Path(entry), _READ_ALREADY))
        else:
            folders.append(Path(entry))
    return folders


def _walk(
    root: Path, folder: Path, visited: set[tuple[int, int]], left_out: list[LeftOut]
) -> Iterator[Path]:
    """Yield the files in `folder` and its sub-folders, except folders already `visited`."""
    for entry in _scan(folder, left_out):
        path = Path(entry)
        if entry.is_dir():
            identity = _get_file_id(path)
            if identity in visited or _links_to_ancestor(root, path):
                left_out.append(LeftOut(path, _READ_ALREADY))
            else:
                visited.add(identity)
                yield from _walk(root, path, visited, left_out)
        elif entry.is_file():
            yield path
        else:
            left_out.append(LeftOut(path, "neither files nor folders"))


def _scan(folder: Path, left_out: list[LeftOut]) -> list[os.DirEntry[str]]:
    """List `folder` without hidden files, system files and broken links; symbolic links last."""
    kept = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                left_out.append(LeftOut(Path(entry), "hidden files or folders"))
            elif entry.name.casefold() in _SYSTEM_NAMES:
                left_out.append(LeftOut(Path(entry), "system files or folders"))
            elif entry.is_symlink() and not Path(entry).exists():
                left_out.append(LeftOut(Path(entry), "broken links"))
            else:
                kept.append(entry)
    return sorted(kept, key=lambda entry: (entry.is_symlink(), entry.name))


def _links_to_ancestor(root: Path, folder: Path) -> bool:
    """Whether `folder` is a link to `root` or to a folder that holds it."""
    return folder.is_symlink() and root.resolve().is_relative_to(folder.resolve())


def _get_file_id(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
