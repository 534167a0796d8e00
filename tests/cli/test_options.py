"""What commands have in common: help, completion, colours, JSON."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from hpsearch.cli.app import make_app
from hpsearch.workspace import Workspace

Program = Callable[..., tuple[int, str, str]]
HPSEARCH = Path(sys.executable).with_name("hpsearch")
COMMANDS = sorted(typer.main.get_command(make_app()).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example_of_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from hpsearch.cli import main

    assert main([command, "--help"]) == 0
    assert f"Example: hpsearch {command}" in capsys.readouterr().out


def test_the_list_of_commands_cuts_nothing_off(capsys: pytest.CaptureFixture[str]) -> None:
    from hpsearch.cli import main

    assert main(["--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_no_command_at_all_is_answered_with_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from hpsearch.cli import main

    assert main([]) == 0
    assert "\n  run " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run qui", ["quickstart"]),
        ("doctor assign", ["assignment_grid"]),
        ("status s", ["small"]),
        ("best x", []),
        ("sta", ["status"]),
    ],
)
def test_the_shell_completes_commands_and_studies(
    words: str, expected: list[str], workspace: Workspace, has_run: Path
) -> None:
    environment = {
        "COMP_WORDS": f"hpsearch {words}",
        "COMP_CWORD": str(len(words.split())),
        "_HPSEARCH_COMPLETE": "complete_bash",
        "HPSEARCH_WORKSPACE": str(workspace.root),
    }
    done = subprocess.run([HPSEARCH], env=os.environ | environment, capture_output=True, text=True)
    assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["list"], {"studies", "files"}),
        (["best", "small", "--out", "{out}"], {"folder", "net_sha256", "trial", "val_accuracy"}),
        (["score", "small"], {"net_sha256", "n", "accuracy"}),
        (["reconcile", "small"], {"study", "trials", "mlflow"}),
        (["doctor", "quickstart"], {"exit_code", "findings"}),
    ],
)
def test_what_a_program_may_read_is_one_json_object(
    arguments: list[str], keys: set[str], program: Program, has_run: Path, tmp_path: Path
) -> None:
    filled = [word.format(out=tmp_path / "out") for word in arguments]
    code, output, error = program(*filled, "--json")
    assert code == 0, error
    assert json.loads(output).keys() >= keys


def _run_in_terminal(*arguments: str, **environment: str) -> str:
    """What the program writes to a terminal."""
    ours, its = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    subprocess.run(
        [HPSEARCH, *arguments],
        stdout=its,
        env=variables | {"TERM": "xterm-256color"} | environment,
        check=True,
    )
    os.close(its)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return written.decode()


def test_colours_are_for_terminals_and_heed_no_color(workspace: Workspace, has_run: Path) -> None:
    colour = re.compile(r"\x1b\[(\d+;)*3\d")
    command = ("list", "--workspace", str(workspace.root))
    assert colour.search(_run_in_terminal(*command))
    assert not colour.search(_run_in_terminal(*command, NO_COLOR="1"))
    piped = subprocess.run([HPSEARCH, *command], capture_output=True, text=True, check=True)
    assert "\x1b" not in piped.stdout
