"""Extract files from a tar file; no path in it can escape the folder that they are put in."""

import gzip
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from hpsearch.foundations.errors import DamagedDataError, StoreError
from hpsearch.foundations.text import one_line

__all__ = ["extract"]

_CHUNK_BYTES = 1 << 20


def extract(
    archive: Path,
    is_wanted: Callable[[PurePosixPath], bool],
    into: Path,
    *,
    name: str | None = None,
) -> None:
    """Write files of `archive` flat into the folder `into`.

    Parameters
    ----------
    archive : Path
        A tar file, compressed or not.
    is_wanted : callable
        Whether to write a file, by its path in the archive.
    into : Path
        An existing folder.
    name : str, optional
        Name of the archive in error messages; its path by default.

    Raises
    ------
    DamagedDataError
        If it is not a readable tar file.
    StoreError
        If the disk is full or read-only.
    """
    name = name or str(archive)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and is_wanted(path):
                    _copy(content, into / path.name)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DamagedDataError(f"{name}: not a readable tar file: {one_line(error)}") from error
    except OSError as error:
        raise DamagedDataError(f"{name}: cannot be read: {one_line(error)}") from error


def _copy(content: IO[bytes], path: Path) -> None:
    while chunk := content.read(_CHUNK_BYTES):
        try:
            with path.open("ab") as file:
                file.write(chunk)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {one_line(error)}") from error
