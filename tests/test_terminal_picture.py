"""The picture of a terminal shows what a user saw on it."""

import sys
from pathlib import Path

import pytest
from terminal_picture import crop, draw, is_half_way, leave_out, read_screens, watch

LIVE = """
import time
from rich.console import Console
from rich.live import Live
from rich.text import Text

console = Console()
try:
    with Live(console=console, transient=True, auto_refresh=False) as live:
        for done in range(5):
            live.update(Text(f"study {done}/4\\ntrial {done}"), refresh=True)
            if done == 2:
                console.print("[bold]a line that stays[/]")
            time.sleep(0.2)
    console.print("the end")
except KeyboardInterrupt:
    console.print("stopped")
"""


def test_screens_are_what_stood_there_one_after_the_other(tmp_path: Path) -> None:
    screens = watch([sys.executable, "-c", LIVE], tmp_path)
    assert screens[-1].split("\n") == ["\x1b[1ma line that stays\x1b[0m", "the end"]
    assert "study 0/4\ntrial 0" in screens
    assert "\x1b[1ma line that stays\x1b[0m\nstudy 3/4\ntrial 3" in screens


def test_a_command_is_stopped_half_way(tmp_path: Path) -> None:
    screens = watch([sys.executable, "-c", LIVE], tmp_path, is_half_way)
    assert "study 2/4\ntrial 2" in screens
    assert screens[-1].endswith("stopped")
    assert not any("4/4" in screen for screen in screens)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a\nb", ["a\nb"]),
        ("a\r\x1b[2Kb", ["a", "b"]),
        ("a\nb\r\x1b[2K\x1b[1A\x1b[2Kc", ["a\nb", "c"]),
    ],
)
def test_what_is_erased_is_gone(written: str, expected: list[str]) -> None:
    assert list(read_screens(written)) == expected


def test_a_screen_has_the_rows_of_its_terminal_and_nothing_twice() -> None:
    long = "\n".join(map(str, range(100)))
    assert crop(long).split("\n") == [str(n) for n in range(76, 100)]
    assert leave_out("a\nb", "a\nb\nc\n") == "c"


def test_a_drawing_asks_for_nothing_from_the_network() -> None:
    drawn = draw("hpsearch", ["\x1b[1mbest 0.57\x1b[0m"])
    assert "best" in drawn
    assert 'url("http' not in drawn
