"""What commands have in common: help, completion, colours, JSON."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from hpsearch.cli.app import make_app
from hpsearch.cli.options import parse_duration
from hpsearch.engine.workspace import Workspace

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


@pytest.mark.parametrize("words", [["-h"], ["run", "-h"], ["--version"]])
def test_short_help_and_the_version_exit_with_0(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from hpsearch.cli import main

    assert main(words) == 0
    printed = capsys.readouterr().out
    assert version("hpsearch") in printed if words == ["--version"] else "Usage:" in printed


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("1.5", 1.5),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172800),
    ],
)
def test_durations_are_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "ten", "-5", "10 m", "30m1h", "1e3", "nan", "٣m"])
def test_other_texts_are_not_durations(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    from hpsearch.cli import main

    assert main(["run", "--timeout", text]) == 2
    error = capsys.readouterr().err
    assert repr(text) in error
    assert "such as 90s, 10m or 1h30m" in error


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["--devices", "cuda:0,x"],
            "--devices cuda:0,x: expected cuda:NUMBER, mps or cpu, separated by commas, got 'x'",
        ),
        (
            ["--devices", "cpu", "--jobs", "2"],
            "--jobs 2: expected at most 1, as of --devices cpu",
        ),
        (
            ["--devices", "cpu", "--backend", "threading"],
            "--devices cpu: expected --backend loky, whose workers are processes, got threading",
        ),
    ],
)
def test_devices_that_workers_cannot_have_are_refused_in_a_line(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from hpsearch.cli import main

    assert main(["run", "--workspace", str(tmp_path / "none"), *words]) == 2
    assert capsys.readouterr().err == f"hpsearch: {error}\n"
    assert not (tmp_path / "none").exists()


def test_without_a_command_the_commands_are_listed(
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
        (["reconcile", "small"], {"study", "trials", "mlflow", "repairs"}),
        (["doctor", "quickstart"], {"exit_code", "findings"}),
    ],
)
def test_json_output_is_a_single_object(
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
