"""All exceptions of the package, and the program's exit code for each.

::

    HpsearchError                    a bug, if raised itself                 1
    ├── UsageError                   the command or the study file is wrong   2
    ├── DataError                    the data ...                             3
    │   ├── MissingDataError             is not there
    │   └── DamagedDataError             fails its checksum or cannot be read
    │       └── OutdatedDataError            was prepared by an older version
    ├── StoreError                   a store cannot be reached or written     4
    ├── RefusedError                 the request breaks a guarantee           5
    ├── MachineError                 the installation or the machine failed   6
    └── InterruptedStudyError        stopped on request; can be resumed     130

Messages are one line: what was given, what was expected, where. Passwords are left out of them.
"""

from typing import ClassVar, Self

from hpsearch.foundations.text import redact

__all__ = [
    "DamagedDataError",
    "DataError",
    "HpsearchError",
    "InterruptedStudyError",
    "MachineError",
    "MissingDataError",
    "OutdatedDataError",
    "RefusedError",
    "StoreError",
    "UsageError",
]


class HpsearchError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return the message without the passwords of URLs, as it may be shown or stored."""
        return redact(super().__str__())

    def with_context(self, context: str) -> Self:
        """Return a new error of this class whose message begins with `context` and a colon."""
        return type(self)(f"{context}: {self}")


class UsageError(HpsearchError):
    """The command line or a study file is invalid."""

    exit_code = 2


class DataError(HpsearchError):
    """The data set cannot be used."""

    exit_code = 3


class MissingDataError(DataError):
    """The data set is in none of its possible locations."""


class DamagedDataError(DataError):
    """A file does not match its checksum or its format."""


class OutdatedDataError(DamagedDataError):
    """Prepared data is in a format that only older versions of the program read."""


class StoreError(HpsearchError):
    """A store (Optuna's, MLflow's, the workspace's disk) cannot be reached or written."""

    exit_code = 4


class RefusedError(HpsearchError):
    """The request would break a guarantee: a second test evaluation, a changed definition."""

    exit_code = 5


class MachineError(HpsearchError):
    """The installation or the machine failed, not the training: a broken package, no memory."""

    exit_code = 6


class InterruptedStudyError(HpsearchError):
    """The study was asked to stop; running it again continues it."""

    exit_code = 130
