"""Find CIFAR-10 on this machine, or download it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.foundations.errors import MissingDataError

if TYPE_CHECKING:
    from hpsearch.datasets.download import Archive


from hpsearch.datasets.cifar10 import BATCHES, BINARY_SUFFIX, OFFICIAL, Cifar10, Edition

__all__ = ["find_cifar10", "locate_cifar10"]

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
_PICKLED_FOLDER = "cifar-10-batches-py"
_BINARY_FOLDER = "cifar-10-batches-bin"
_ARCHIVES = ("cifar-10-python.tar.gz", "cifar-10-binary.tar.gz")


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
        for suffix in ("", BINARY_SUFFIX):
            lacking = [n for n in BATCHES if not (candidate / (n + suffix)).is_file()]
            if not lacking:
                return candidate
            if len(lacking) < len(BATCHES):
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


def _describe_missing(folders: Sequence[Path], download_folder: Path, reason: str) -> str:
    places = [str(folder) for folder in (*folders, download_folder)]
    return (
        f"cifar10: not in {', '.join(places)}; {reason}; put {_PICKLED_FOLDER}/ or"
        f" {_ARCHIVES[0]} into {places[0]},"
        " or set HPSEARCH_DATA_DIR to the folder that holds it, or begin with the quickstart"
        " study, which needs no download: hpsearch run quickstart"
    )
