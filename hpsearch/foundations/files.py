"""Atomic and durable writing of files, file locks, and users' paths."""

import contextlib
import errno
import fcntl
import os
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.foundations.text import one_line

__all__ = [
    "HeldElsewhereError",
    "append_durably",
    "append_line",
    "check_sqlite",
    "check_writable",
    "expand",
    "holding_file",
    "read_bytes",
    "refusing_links",
    "replacing",
    "write_atomically",
]

# Between two attempts to lock a file.
_LOCK_PAUSE_S = 0.05


def expand(path: Path) -> Path:
    """Replace ``~`` and ``~name`` in a path given by a user by home folders.

    Raises
    ------
    UsageError
        If there is no such user, or the user has no home folder; or the path is not UTF-8, the
        encoding of paths in databases and manifests.
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
    """Open a file without following a symbolic link; for use as the ``opener`` of `open`.

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
def holding_file(path: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Lock the file at `path`, also against processes that open it by another name.

    The system releases the lock when its holder exits, even if it is killed.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist, not changed otherwise.
    wait_s : float
        How long to wait until the lock is free.

    Raises
    ------
    HeldElsewhereError
        If it is not free by then.
    OSError
        If the file cannot be opened for writing, or its file system does not support locks.
    """
    with open(path, "ab", opener=refusing_links) as file:
        gives_up_at = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= gives_up_at:
                    raise HeldElsewhereError(f"{path} is locked") from error
                time.sleep(_LOCK_PAUSE_S)
        yield


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content`; see `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file atomically: afterwards `path` has all that was written, or its old content.

    Parameters
    ----------
    path : Path
        The file; its folder must exist. A symbolic link in its place is replaced, not followed.
    durable : bool
        Whether that holds even if the machine fails, which requires waiting for the disk.

    Yields
    ------
    binary file
        File to write to; if an exception is raised meanwhile, the old file is untouched.

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
    """Append one line to a file, and wait until it is on disk.

    A last line torn by a crash is removed first, so that the new one is not joined to it.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.
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
    """Append one line to a file, and wait until it is on disk; keep a torn last line as it is.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.
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
    """Check that files can be written in `folder`, or where it would be created.

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
    """Check that the SQLite database at `path` can be locked and written, or could be created.

    Raises
    ------
    OSError
        If it is not a database, cannot be written, or another program has locked it.
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
