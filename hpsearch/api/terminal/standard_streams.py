"""Standard output and standard error that may be closed, full, or without a reader.

This module is imported before all others, so its imports are few and fast.
"""

import io
import os
import sys
from typing import Any, TextIO, cast

__all__ = ["GuardedStream", "StreamFailure", "guard", "guard_standard_streams", "take_failure"]


class StreamFailure:
    """Why a stream could not be written.

    Parameters
    ----------
    error : OSError or ValueError
        Exception raised by writing.
    """

    def __init__(self, error: OSError | ValueError) -> None:
        self.is_unread = isinstance(error, BrokenPipeError)
        """Whether the reader closed the pipe, having read all that it wanted."""
        self.reason = (isinstance(error, OSError) and error.strerror) or str(error)
        """The system's description of the error."""


class GuardedStream:
    """A text stream whose writes never raise: text that cannot be written is dropped.

    Parameters
    ----------
    stream : text stream
        Stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: StreamFailure | None = None

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:  # ValueError: it has been closed
            self.failure = StreamFailure(error)
            return len(text)

    def flush(self) -> None:
        """Flush, or drop what is buffered."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.failure = StreamFailure(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard(stream: TextIO) -> TextIO:
    """Guard a stream, if it is not guarded already."""
    return stream if isinstance(stream, GuardedStream) else cast(TextIO, GuardedStream(stream))


def take_failure(stream: TextIO) -> StreamFailure | None:
    """Return why a guarded stream has dropped text since the last call; None if it has not."""
    if not isinstance(stream, GuardedStream):
        return None
    failure, stream.failure = stream.failure, None
    return failure


def guard_standard_streams() -> None:
    """Guard this process's standard streams, and connect closed ones to the null device.

    The next file opened would get a closed descriptor's number, and everything printed, also by
    child processes, would be written into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Gets the lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name) or os.fdopen(descriptor, "w", closefd=False)
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            # Characters that the terminal's encoding lacks must not raise.
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, guard(stream))
