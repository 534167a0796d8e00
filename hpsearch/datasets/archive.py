"""Extract known files from a tar file."""

import gzip
import tarfile
import zlib
from collections.abc import Container
from pathlib import Path, PurePosixPath
from typing import IO

from hpsearch.datasets.reading import one_line
from hpsearch.foundations.errors import DamagedDataError, StoreError

__all__ = ["extract"]

_CHUNK_BYTES = 1 << 20


def extract(archive: Path, names: Container[str], into: Path) -> None:
    """Write the files of `archive` that have one of `names` flat into the folder `into`.

    Parameters
    ----------
    archive : Path
        A tar file, compressed or not. No path in it can escape `into`.
    names : container of str
        File names, whatever folder of the archive they are in.
    into : Path
        An existing folder.

    Raises
    ------
    DamagedDataError
        If it is not a readable tar file.
    StoreError
        If the disk is full or read-only.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and name in names:
                    _copy(content, into / name)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DamagedDataError(f"{archive}: not a readable tar file: {one_line(error)}") from error
    except OSError as error:
        raise DamagedDataError(f"{archive}: cannot be read: {one_line(error)}") from error


def _copy(content: IO[bytes], path: Path) -> None:
    while chunk := content.read(_CHUNK_BYTES):
        try:
            with path.open("ab") as file:
                file.write(chunk)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {one_line(error)}") from error
