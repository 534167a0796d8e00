"""Handling of unexpected errors, libraries' messages, and names that are not UTF-8."""

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.environment_variables import Environment
from hpsearch.foundations.errors import HpsearchError, MachineError, StoreError, UsageError
from hpsearch.foundations.machine_failures import is_machine_failure
from hpsearch.foundations.text import printable, redact
from hpsearch.foundations.tracebacks import catch_background_errors, describe_unexpected

__all__ = [
    "check_encoding",
    "complain",
    "find_errors_folder",
    "keep_libraries_quiet",
    "report_unexpected",
]


def complain(message: str) -> None:
    """Print one line to standard error, prefixed with the program's name, without passwords."""
    print(f"hpsearch: {printable(' '.join(redact(message).split()))}", file=sys.stderr)


def report_unexpected(error: Exception, arguments: Sequence[str]) -> int:
    """Report an unexpected error in one line; return its exit code.

    Parameters
    ----------
    error : Exception
        The exception.
    arguments : sequence of str
        Arguments of the command line.
    """
    folder = find_errors_folder(arguments)
    complain(describe_unexpected(error, folder, ["hpsearch", *arguments]))
    if is_machine_failure(error):
        return MachineError.exit_code
    return StoreError.exit_code if isinstance(error, OSError) else HpsearchError.exit_code


def check_encoding(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8, the encoding of names in databases and manifests.

    Raises
    ------
    UsageError
        If there is one; the message escapes its other bytes.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{argument}: expected UTF-8; rename the file or folder") from error


def find_errors_folder(arguments: Sequence[str]) -> Path | None:
    """Return the folder for tracebacks in the workspace of the command line, if it exists."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--workspace", nargs="?")
    named = parser.parse_known_args(list(arguments))[0].workspace
    root = Path(named) if named else Environment.read().workspace
    try:
        root = root.expanduser().resolve()
        return Workspace(root).errors if root.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def keep_libraries_quiet(errors: Path | None) -> None:
    """Silence libraries, in a process that belongs to the program.

    Their warnings and log messages are for developers; ``PYTHONWARNINGS`` enables warnings
    again. Exceptions in threads are reported in one line, with a traceback in folder `errors`.
    """
    catch_background_errors(errors)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # Without any handler, logging would print warnings to standard error.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.raiseExceptions = False
