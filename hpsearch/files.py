"""Writing files so that a reader, or the next run, never meets half of one; paths as given."""

import contextlib
import errno
import fcntl
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import UsageError

__all__ = [
    "HeldElsewhereError",
    "append_durably",
    "append_line",
    "check_sqlite",
    "check_writable",
    "expand",
    "holding_file",
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


class HeldElsewhereError(Exception):
    """Another process, or another part of this one, holds the lock."""


@contextlib.contextmanager
def holding_file(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock the file at `path`, by whichever of its names others open it.

    The system frees the lock when its holder ends, however it ends.

    Parameters
    ----------
    path : Path
        Created if it is not there; its content is left alone.
    wait : bool
        Whether to wait until the lock is free.

    Raises
    ------
    HeldElsewhereError
        If it is not free, unless waiting.
    OSError
        If the file cannot be opened for writing, or its disk knows no locks.
    """
    with open(path, "ab", opener=refusing_links) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise HeldElsewhereError(f"{path} is locked") from error
        yield


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


def append_durably(path: Path, line: str) -> None:
    """Add one line to a file and have it on disk; a last line torn by a crash stays, as a line.

    Parameters
    ----------
    path : Path
        The file; created if it is not there.
    line : str
        The line, without its newline.
    """
    with open(path, "ab+", opener=refusing_links) as file:
        file.seek(0)
        content = file.read()
        mend = b"\n" if content and not content.endswith(b"\n") else b""
        file.write(mend + line.encode() + b"\n")
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
