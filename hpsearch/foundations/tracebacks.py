"""Tracebacks written to files, and reported in one line that names the file."""

import os
import platform
import shlex
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hpsearch.foundations.text import printable, redact
from hpsearch.foundations.versions import code_version, package_versions

__all__ = ["catch_background_errors", "describe_unexpected"]


def describe_unexpected(
    error: BaseException, folder: Path | None = None, command: Sequence[str] | None = None
) -> str:
    """Describe `error` in one line, and write its traceback to a file.

    Parameters
    ----------
    error : BaseException
        The exception.
    folder : Path, optional
        Folder of the file; by default, or if it cannot be written, that for temporary files.
    command : sequence of str, optional
        The command line; the process's own by default.
    """
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    content = _format(error, sys.argv if command is None else command)
    for place in (folder, None):
        try:
            return f"{_cut(what)}; the traceback is in {_write(content, place)}"
        except OSError:
            continue
    return f"{_cut(what)}; the traceback could not be written to {tempfile.gettempdir()}"


def catch_background_errors(folder: Path | None = None) -> None:
    """Report exceptions in threads and finalizers of this process in one line each.

    Parameters
    ----------
    folder : Path, optional
        As for `describe_unexpected`.
    """

    def report(error: BaseException | None) -> None:
        if error is not None and not isinstance(error, SystemExit):
            what = redact(describe_unexpected(error, folder))
            print(f"hpsearch: a background task failed: {what}", file=sys.stderr)

    threading.excepthook = lambda arguments: report(arguments.exc_value)
    sys.unraisablehook = lambda arguments: report(arguments.exc_value)


def _cut(what: str) -> str:
    """Shorten an error's message to one line: those of libraries may take pages."""
    line = printable(" ".join(what.split()))
    return line if len(line) <= 300 else f"{line[:300]} ..."


def _format(error: BaseException, command: Sequence[str]) -> str:
    versions = {"hpsearch": code_version(), **package_versions(), "system": platform.platform()}
    lines = [
        f"time: {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"command: {shlex.join(command)}",
        *(f"{name}: {value}" for name, value in versions.items()),
        "",
        *traceback.format_exception(error),
    ]
    return redact(printable("\n".join(lines), keep="\n"), *command)


def _write(content: str, folder: Path | None) -> Path:
    """Write to a new file that only its owner may read."""
    if folder is None:
        number, name = tempfile.mkstemp(prefix="hpsearch-error-", suffix=".txt")
        path = Path(name)
    else:
        folder.mkdir(exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.txt"
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content.encode())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path
