"""Output to the terminal and to a study's log, with control characters escaped."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hpsearch.foundations.text import printable, redact

__all__ = ["StudyLog", "make_console", "say"]


class _SafeConsole(Console):
    """Console that escapes control characters, also in tables and live displays."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as `Console` does and escape text; `rich`'s own control segments are kept."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))


def make_console(**settings: Any) -> Console:
    """Make a console that prints text literally, without markup or emoji unless enabled.

    Parameters
    ----------
    **settings
        Arguments of `rich.console.Console`.
    """
    return _SafeConsole(**{"markup": False, "emoji": False, **settings})


def say(text: object) -> None:
    """Print lines to standard output."""
    print(printable(str(text), keep="\n"), flush=True)


class StudyLog:
    """A study's log: all output of its runs with the time, even if printing failed.

    It has the methods of a stream that `rich` needs. A line that cannot be written is dropped: a
    run does not depend on its log.

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
