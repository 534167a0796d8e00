"""Which files of a folder are pictures of which class, and which are left out."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.data.reading import one_line
from hpsearch.data.splitting import Role
from hpsearch.errors import DamagedDataError

__all__ = ["FoundFile", "LeftOut", "Listing", "list_files"]

# What operating systems and archives put beside pictures; names without regard to case.
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
        Its class; accents composed, as file systems differ in how they write them.
    role : str or None
        The split that it lies in; None if the folder is not split.
    group : str or None
        The sub-folder of the class's folder that it lies in; None if in none.
    """

    path: Path
    class_name: str
    role: Role | None
    group: str | None


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is no picture of a class.

    Parameters
    ----------
    path : Path
        Where it is.
    reason : str
        Why it is left out, as it is counted.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Parameters
    ----------
    class_names : tuple of str
        Sorted.
    files : tuple of FoundFile
        In no order that means anything.
    left_out : tuple of LeftOut
        All else.
    """

    class_names: tuple[str, ...]
    files: tuple[FoundFile, ...]
    left_out: tuple[LeftOut, ...]


def list_files(root: Path) -> Listing:
    """List the files under `root`, which has a folder for each class, or for each split.

    Sub-folders named train, validation (or val, valid) and test are the split that they say, if
    there is nothing else beside them; then each holds a folder for each class. Linked folders
    are followed, once in each class.

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
    """The folders of the splits; None if `folders` are those of classes."""
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
    seen = {_identify(root), _identify(folder)}
    paths = list(_walk(root, folder, seen, left_out))
    if not paths:
        raise DamagedDataError(f"{folder}: expected images of this class, found none")
    return [FoundFile(path, name, role, _name_group(path, folder)) for path in paths]


def _name_group(path: Path, folder: Path) -> str | None:
    first, *rest = path.relative_to(folder).parts
    return unicodedata.normalize("NFC", first) if rest else None


def _list_folders(folder: Path, left_out: list[LeftOut], root: Path) -> list[Path]:
    """The folders in `folder`; the files in it are left out."""
    folders = []
    for entry in _scan(folder, left_out):
        if not entry.is_dir():
            left_out.append(LeftOut(Path(entry), "files beside the class folders"))
        elif _leads_back(root, Path(entry)):
            left_out.append(LeftOut(Path(entry), _READ_ALREADY))
        else:
            folders.append(Path(entry))
    return folders


def _walk(
    root: Path, folder: Path, seen: set[tuple[int, int]], left_out: list[LeftOut]
) -> Iterator[Path]:
    """The files in `folder` and in the folders in it; `seen` are folders that have been read."""
    for entry in _scan(folder, left_out):
        path = Path(entry)
        if entry.is_dir():
            identity = _identify(path)
            if identity in seen or _leads_back(root, path):
                left_out.append(LeftOut(path, _READ_ALREADY))
            else:
                seen.add(identity)
                yield from _walk(root, path, seen, left_out)
        elif entry.is_file():
            yield path
        else:
            left_out.append(LeftOut(path, "neither files nor folders"))


def _scan(folder: Path, left_out: list[LeftOut]) -> list[os.DirEntry[str]]:
    """What is in `folder` but hidden files, system files and broken links; links last."""
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


def _leads_back(root: Path, folder: Path) -> bool:
    """Whether `folder` is a link to `root` or to a folder that holds it."""
    return folder.is_symlink() and root.resolve().is_relative_to(folder.resolve())


def _identify(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
