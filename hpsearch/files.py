"""Writing files so that a reader, or the next run, never meets half of one; paths as given."""

import contextlib
import errno
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import UsageError

__all__ = [
    "append_line",
    "check_sqlite",
    "check_writable",
    "expand",
    "refusing_links",
    "replacing",
    "write_atomically",
]


def expand(path: Path) -> Path:
    """`path` as a user gives it, with ``~`` and ``~name`` replaced by home folders.

    Raises
    ------
    UsageError
        If there is no such user, or the user has no home folder; or the path is not UTF-8, as
        which databases and manifests keep it.
    """
    try:
        str(path).encode()
        return path.expanduser()
    except UnicodeEncodeError as error:
        raise UsageError(f"{path}: expected a path in UTF-8") from error
    except RuntimeError as error:
        user = path.parts[0]
        raise UsageError(f"{path}: expected a path, found no home folder for {user}") from error


def refusing_links(path: str, flags: int) -> int:
    """Open a file for `open`, as its ``opener``; a symbolic link in its place is not followed.

    Raises
    ------
    OSError
        If `path` is a symbolic link, or cannot be opened.
    """
    try:
        return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        reason = "is a symbolic link, which is not followed"
        raise OSError(errno.ELOOP, reason, path) from None


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content`; see `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file: afterwards `path` holds all that was written, or what it held before.

    Parameters
    ----------
    path : Path
        The file; its folder must exist. A symbolic link in its place is replaced, not followed.
    durable : bool
        Whether that shall hold even if the machine fails, which takes waiting for the disk.

    Yields
    ------
    binary file
        To be written to; whatever is raised meanwhile, the old file is untouched.

    Raises
    ------
    OSError
        If the disk is full or read-only.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def append_line(path: Path, line: str) -> None:
    """Add one line to a ledger and have it on disk before returning.

    A last line torn by a crash is cut off first, so that it cannot swallow the new one.

    Parameters
    ----------
    path : Path
        The ledger; created if it is not there.
    line : str
        The line, without its newline.

    Raises
    ------
    OSError
        If it cannot be written, or is a symbolic link.
    """
    with open(path, "ab+", opener=refusing_links) as file:
        file.seek(0)
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def check_writable(folder: Path) -> None:
    """Write a file where `folder` is or would be made, and remove it again.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    with tempfile.TemporaryFile(dir=there) as file:
        file.write(b"\0")
        file.flush()


def check_sqlite(path: Path) -> None:
    """Take the write lock of the SQLite database at `path` for a moment; or see that it could be.

    Raises
    ------
    OSError
        If it is no database, cannot be written, or another program holds it.
    """
    check_writable(path.parent)
    if not path.exists():
        return
    try:
        address = f"{path.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(address, uri=True, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT count(*) FROM sqlite_master")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
