"""Output to the terminal, with control characters in names and errors escaped."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hpsearch.foundations.text import printable

__all__ = ["make_console", "say"]


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
