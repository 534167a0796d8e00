"""A study's log: all output of its runs with the time, even if printing failed."""

import os
from datetime import datetime
from pathlib import Path

from hpsearch.foundations.text import printable, redact

__all__ = ["StudyLog"]


class StudyLog:
    """Log file, with the methods of a stream that `rich` needs.

    A line that cannot be written is dropped: a run does not depend on its log.

    Parameters
    ----------
    path : Path
        The file; created if its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> int:
        """Append each line of `text`, preceded by the time."""
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
        """Do nothing: `write` does not buffer."""
