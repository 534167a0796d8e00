"""A study's log: what a run prints, with the time, whether or not it could be printed."""

import os
from datetime import datetime
from pathlib import Path

from hpsearch.redaction import redact
from hpsearch.wording import printable

__all__ = ["StudyLog"]


class StudyLog:
    """Appends lines to a text file; looks to `rich` like a file to print to.

    A line that cannot be written is dropped: a run does not depend on its log.

    Parameters
    ----------
    path : Path
        The file; created if its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> int:
        """Append each line of `text`, after the time."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        lines = [
            f"{now}  {printable(redact(line.rstrip()))}\n"
            for line in text.splitlines()
            if line.strip()
        ]
        # A symbolic link in its place could lead out of the workspace.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self.path, flags, 0o666)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write("".join(lines))
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """Do nothing: each line is in the file."""
