"""Nothing that a name, a description or an error holds is obeyed by the terminal."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table

from hpsearch.api.terminal.console import make_console, say
from hpsearch.cli.unexpected import complain

Program = Callable[..., tuple[int, str, str]]
HOSTILE = "\x1b[31m\x1b]0;title\x1b\\ \x9b2J [red]:abc:[/] caf\udce9"
SHOWN = r"\x1b[31m\x1b]0;title\x1b\ \x9b2J [red]:abc:[/] caf\xe9"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_console_shows_control_characters_in_lines_and_tables(is_terminal: bool) -> None:
    output = io.StringIO()
    console = make_console(
        file=output, force_terminal=is_terminal, color_system=None, width=200, highlight=False
    )
    console.print(HOSTILE)
    table = Table(title=HOSTILE, min_width=150)
    table.add_column(HOSTILE, min_width=100)
    table.add_row(HOSTILE)
    console.print(table)
    console.print(HOSTILE, style="bold", soft_wrap=True)
    assert output.getvalue().count(SHOWN) == 5
    assert not set(output.getvalue()) & set("\x9b\udce9")
    assert output.getvalue().replace("\x1b[0m", "").replace("\x1b[1m", "").count("\x1b") == 0


def test_plain_lines_and_errors_show_control_characters_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"one\n{HOSTILE}")
    complain(f"{HOSTILE}\nat postgresql://me:geheim@db")
    output, error = capsys.readouterr()
    assert output == f"one\n{SHOWN}\n"
    assert error == f"hpsearch: {SHOWN} at postgresql://me:***@db\n"


@pytest.mark.parametrize(
    "command", [["list"], ["list", "--json"], ["run", "evil"], ["doctor", "evil"]]
)
def test_a_hostile_study_file_reaches_no_terminal(
    command: list[str], program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    text = (Path(__file__).parents[2] / "studies" / "quickstart.toml").read_text()
    escaped = json.dumps("\x1b[2J[/] :abc:")
    lines = [line for line in text.splitlines() if not line.startswith("description")]
    good = f"description = {escaped}\n" + "\n".join(lines)
    (tmp_path / "studies" / "good\x1b]0;x.toml").write_text('name = "good"\n' + good)
    (tmp_path / "studies" / "evil.toml").write_text(f"{escaped} = 1\n" + good)
    code, output, error = program(*command)
    assert code == (0 if command[0] == "list" else 2)
    assert "\x1b" not in output + error
    if command == ["list"]:
        assert r"\x1b[2J[/] :abc:" in output
