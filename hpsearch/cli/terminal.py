"""Writing to the terminal: control characters in names and errors are shown, not obeyed."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hpsearch.wording import printable

__all__ = ["make_console", "say"]


class _SafeConsole(Console):
    """A console that shows control characters as escapes, in tables and live displays too."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as `Console` does; what only moves the cursor is `rich`'s own, and stays."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))


def make_console(**settings: Any) -> Console:
    """A console to which text is text: no markup and no emoji in it, unless asked for.

    Parameters
    ----------
    **settings
        As for `rich.console.Console`.
    """
    return _SafeConsole(**{"markup": False, "emoji": False, **settings})


def say(text: object) -> None:
    """Print lines to standard output."""
    print(printable(str(text), keep="\n"), flush=True)
