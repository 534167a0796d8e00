"""Writing files so that a reader, or the next run, never meets half of one."""

import os
import uuid
from pathlib import Path

__all__ = ["append_line", "write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: afterwards it holds all of it, or what it held before.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    content : bytes
        What it shall hold.

    Raises
    ------
    OSError
        If the disk is full or read-only; the old file is untouched.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
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
    """
    with path.open("ab+") as file:
        file.seek(0)
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
