"""Download an archive, verify it and unpack it atomically."""

import errno
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TransferSpeedColumn

from hpsearch.datasets.archive import extract
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, StoreError
from hpsearch.foundations.text import one_line

__all__ = ["Archive", "fetch_archive"]

# Seconds without data after which a download fails.
_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Archive:
    """A compressed tar file on the web, holding one folder of files.

    Parameters
    ----------
    url : str
        Where it is.
    md5 : str
        Its official checksum.
    folder : str
        Name of the folder in it.
    """

    url: str
    md5: str
    folder: str


def fetch_archive(archive: Archive, into: Path, *, show_progress: bool = False) -> Path:
    """Download `archive` and unpack its folder into `into`.

    Safe to run in several processes at once: the first to finish installs the folder.

    Parameters
    ----------
    archive : Archive
        What to fetch.
    into : Path
        Folder that will hold the archive's folder; created if need be.
    show_progress : bool
        Draw a progress bar on standard error.

    Returns
    -------
    Path
        The unpacked folder.

    Raises
    ------
    MissingDataError
        If the server cannot be reached or does not have it.
    DamagedDataError
        If the download fails its checksum or is not a tar file.
    StoreError
        If the disk is full or read-only.
    """
    target = into / archive.folder
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".download.") as temporary:
            packed, unpacked = Path(temporary, "archive"), Path(temporary, "unpacked")
            _download(archive, packed, show_progress=show_progress)
            _verify(archive, packed)
            unpacked.mkdir()
            folder = PurePosixPath(archive.folder)
            extract(packed, lambda path: path.parent == folder, unpacked, name=archive.url)
            try:
                unpacked.rename(target)
            except OSError as error:
                if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                    raise
    except OSError as error:
        raise StoreError(f"{into}: cannot keep a download here: {one_line(error)}") from error
    return target


def _download(archive: Archive, path: Path, *, show_progress: bool) -> None:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not show_progress) as progress:
        bar = _Bar(progress, progress.add_task(archive.url))
        get = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_S)
        try:
            get(archive.url, str(path), None)
        except (OSError, ValueError) as error:
            # Errors of requests are OSErrors too, but without an errno.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            reason = f"download of {archive.url} failed: {one_line(error)}"
            raise MissingDataError(reason) from error


def _verify(archive: Archive, path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != archive.md5:
        raise DamagedDataError(
            f"{archive.url}: what was downloaded has the MD5 {found}, expected {archive.md5}"
        )


class _Bar:
    """A rich progress bar with the few members of tqdm that pooch uses."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    @property
    def total(self) -> float | None:
        return self._progress.tasks[self._task].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        # pooch passes 0 if the server does not report the size.
        self._progress.update(self._task, total=n_bytes or None)

    def update(self, n_bytes: int) -> None:
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.refresh()
