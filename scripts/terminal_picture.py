"""Draw the terminal during a study: half-way through a run, after Ctrl-C, and after the next run.

python scripts/terminal_picture.py quickstart --out docs/pictures/terminal.svg
"""

import argparse
import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

_RUN = [sys.executable, "-c", "from hpsearch.cli import main; main()", "run"]
_ROWS, _COLUMNS = 24, 110
_UP, _ERASE = "\x1b[1A", "\x1b[2K"
_TOKEN = re.compile(r"\x1b\[1A|\x1b\[2K|\n|\r|\x1b\[\?25[lh]|(?:(?!\x1b\[(?:1A|2K|\?))[^\n\r])+")
_COUNT = re.compile(r"(\d+)/(\d+)")
_STUDIES = Path(__file__).parents[1] / "studies"
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def read_screens(written: str) -> Iterator[str]:
    """Yield the screen before each time that rich erases a live display, and at the end.

    Parameters
    ----------
    written : str
        Output with rich's control sequences for erasing lines and moving up, which are applied;
        those for colours are kept.
    """
    rows, row, is_going_up = [""], 0, False
    for token in _TOKEN.findall(written):
        if token in (_UP, _ERASE) and not is_going_up:
            yield "\n".join(rows).rstrip()
        is_going_up = token in (_UP, _ERASE)
        if token == _UP:
            row = max(row - 1, 0)
        elif token == _ERASE:
            rows[row] = ""
        elif token == "\n":
            row += 1
            rows += [""] * (row == len(rows))
        elif token != "\r" and not token.startswith("\x1b[?25"):
            rows[row] += token
    yield "\n".join(rows).rstrip()


def is_half_way(screen: str) -> bool:
    """Whether half of the trials are done, and each running trial has completed an epoch."""
    counts = [(int(done), int(all_)) for done, all_ in _COUNT.findall(Text.from_ansi(screen).plain)]
    return bool(counts) and 2 * counts[0][0] >= counts[0][1] and all(done for done, _ in counts)


def watch(
    command: list[str], folder: Path, stop_at: Callable[[str], bool] | None = None
) -> list[str]:
    """Run a command on a new terminal, with Ctrl-C after a screen for which `stop_at` is true.

    Returns
    -------
    list of str
        Screens with their colours, as ANSI sequences.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (_ROWS, _COLUMNS))
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI")}
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kept | {"TERM": "xterm-256color"},
        preexec_fn=_restore_sigint,
    )
    os.close(theirs)
    written = bytearray()
    # The terminal closes when the command exits: an OSError on Linux, end of file elsewhere.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            written += part
            if stop_at and any(map(stop_at, read_screens(part.decode(errors="replace")))):
                process.send_signal(signal.SIGINT)
                stop_at = None
    os.close(ours)
    process.wait()
    return list(read_screens(written.decode(errors="replace")))


def _restore_sigint() -> None:
    """Restore SIGINT, which a shell sets to be ignored by its background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def crop(screen: str) -> str:
    """Return the last rows, which a terminal of that height shows."""
    return "\n".join(screen.split("\n")[-_ROWS:])


def leave_out(shown: str, screen: str) -> str:
    """Return the lines of `screen` that are not among those `shown` before."""
    before = set(shown.split("\n"))
    return "\n".join(line for line in screen.strip().split("\n") if line not in before)


def draw(title: str, screens: list[str]) -> str:
    """Draw the screens below each other as an SVG, in the reader's default fixed-width font."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    for screen in screens:
        console.print(Text.from_ansi(screen))
    return _FONT_FACE.sub("", console.export_svg(title=title))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--out", type=Path, default=Path("terminal.svg"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / _STUDIES.name).symlink_to(_STUDIES)
        began = watch([*_RUN, options.study], folder, is_half_way)
        ended = watch([*_RUN, options.study], folder)
    prompt = f"\x1b[1m$ hpsearch run {options.study}\x1b[0m"
    half_way = next(filter(is_half_way, began), "")
    stopped = leave_out(half_way, began[-1])
    shown = [prompt, crop(half_way), "^C", stopped, "", prompt, crop(ended[-1].strip())]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(draw("hpsearch", shown), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
