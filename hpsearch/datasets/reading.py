"""Read and hash files, with errors of one line that name the file."""

import hashlib
from pathlib import Path

from hpsearch.foundations.errors import DamagedDataError, MissingDataError

__all__ = ["hash_file", "one_line", "read_bytes"]


def one_line(error: BaseException) -> str:
    """Return the message of `error` on one line; the name of its type if it is empty."""
    return " ".join(str(error).split()) or type(error).__name__


def read_bytes(path: Path) -> bytes:
    """Read all bytes of the file at `path`.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DamagedDataError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MissingDataError(f"{path}: expected a file, found none") from None
    except OSError as error:
        raise DamagedDataError(f"{path}: cannot be read: {one_line(error)}") from error


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in 64 hexadecimal digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
