"""Standard streams that are closed, full, without a reader, or a terminal that vanishes."""

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.api.terminal.lines import LineDisplay, OutcomeDisplay
from hpsearch.api.terminal.standard_streams import guard, take_failure
from hpsearch.engine.workspace import Workspace
from tests.cli.lines import assert_one_line, assert_stopped

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PROGRAM = [sys.executable, "-c", "from hpsearch.cli import main; raise SystemExit(main())"]
needs_full_device = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="needs a device that is always full"
)


@pytest.fixture
def shell(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program by a shell, redirected as given; PROGRAM stands for it."""
    for name in [name for name in os.environ if name.startswith("HPSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HPSEARCH_WORKSPACE", str(workspace.root))
    program = "python_() { '" + "' '".join(PROGRAM) + '\' "$@"; }\n'

    def run(line: str) -> "subprocess.CompletedProcess[str]":
        script = program + line.replace("PROGRAM", "python_")
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=240)

    return run


def test_a_guarded_stream_drops_failed_writes_and_reports_why() -> None:
    closed = io.StringIO()
    closed.close()
    stream = guard(closed)
    print("lost", file=stream, flush=True)
    failure = take_failure(stream)
    assert failure
    assert "closed file" in failure.reason
    assert not failure.is_unread
    assert take_failure(stream) is None


def test_a_guarded_stream_is_otherwise_the_stream() -> None:
    plain = io.StringIO()
    stream = guard(plain)
    print("kept", file=stream, flush=True)
    assert plain.getvalue() == "kept\n"
    assert take_failure(stream) is None
    assert guard(stream) is stream
    assert stream.isatty() is False


@needs_full_device
@pytest.mark.parametrize("command", ["schema", "list", "list --json", "--help"])
def test_a_full_disk_ends_a_short_command_with_one_line_and_4(command: str, shell: Run) -> None:
    done = shell(f"PROGRAM {command} >/dev/full")
    assert done.returncode == 4
    assert_one_line(done.stderr, "standard output", "No space left on device")


def test_a_reader_that_goes_away_ends_a_short_command_quietly(shell: Run) -> None:
    done = shell("PROGRAM schema | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")
    done = shell("(sleep 0; PROGRAM list) | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed: str, shell: Run) -> None:
    done = shell(f"PROGRAM list {closed}; echo $?; PROGRAM run nowhere {closed}; echo $?")
    assert "Traceback" not in done.stdout + done.stderr
    codes = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert codes == ["0", "2"]


@needs_full_device
def test_a_full_disk_under_standard_error_changes_no_exit_code(shell: Run) -> None:
    assert shell("PROGRAM run nowhere 2>/dev/full").returncode == 2


REDIRECTIONS = {
    "full": "PROGRAM run small >/dev/full",
    "closed": "PROGRAM run small >&-",
    "all closed": "PROGRAM run small <&- >&- 2>&-",
    "reader gone": "PROGRAM run small | true; exit ${PIPESTATUS[0]}",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", REDIRECTIONS)
def test_a_study_goes_on_without_standard_output_and_its_log_has_it_all(
    how: str,
    shell: Run,
    study_file: Path,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HPSEARCH_BACKEND", "loky")
    done = shell(REDIRECTIONS[how].replace("small", str(study_file)))
    assert done.returncode == 0, done.stderr
    log = workspace.study("small").log
    if how in ("full", "reader gone"):
        assert_one_line(done.stderr, "standard output: ", "the study goes on", str(log))
    else:
        assert done.stderr == ""
    content = log.read_text()
    assert "small: 0 of 6 trials done" in content
    assert all(f"  trial {number}  " in content for number in range(6))
    assert "test_accuracy" in content


def test_the_log_has_each_run_and_the_time_of_each_line(
    program: Callable[..., tuple[int, str, str]], has_run: Path, workspace: Workspace
) -> None:
    log = workspace.study("small").log
    log.unlink(missing_ok=True)
    for _ in range(2):
        assert program("run", has_run, "--quiet")[0] == 0
    lines = log.read_text().splitlines()
    times = [line.split("  ", 1)[0] for line in lines]
    assert all(len(one) == len("2026-11-28T09:01:11+00:00") for one in times)
    assert sum("small: 6 of 6 trials done" in line for line in lines) == 2


def test_the_log_has_the_error_that_ended_a_run(
    program: Callable[..., tuple[int, str, str]], has_run: Path, workspace: Workspace
) -> None:
    has_run.write_text(has_run.read_text().replace("reg = 1e-3", "reg = 2e-3"))
    assert program("run", has_run)[0] == 5
    assert "search.space.reg" in workspace.study("small").log.read_text().splitlines()[-1]


def test_a_log_that_cannot_be_written_does_not_stop_a_study(
    program: Callable[..., tuple[int, str, str]], has_run: Path, workspace: Workspace
) -> None:
    log = workspace.study("small").log
    log.unlink(missing_ok=True)
    log.mkdir()
    assert program("run", has_run)[0] == 0


def test_no_link_is_followed_in_place_of_the_log(
    program: Callable[..., tuple[int, str, str]],
    has_run: Path,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    log = workspace.study("small").log
    log.unlink(missing_ok=True)
    log.symlink_to(tmp_path / "elsewhere")
    assert program("run", has_run)[0] == 0
    assert not (tmp_path / "elsewhere").exists()


def test_a_display_that_fails_does_not_stop_a_study(
    program: Callable[..., tuple[int, str, str]],
    has_run: Path,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such style")

    monkeypatch.setattr(OutcomeDisplay, "show", fail)
    monkeypatch.setattr(LineDisplay, "show", lambda self, event: None)  # the log's
    code, _, error = program("run", has_run, "--quiet")
    assert code == 0
    assert_one_line(error, "the display has failed (RuntimeError: no such style)", "study.log")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the side of the person, and that of the program."""
    person, side = pty.openpty()
    yield person, side
    for descriptor in (person, side):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@pytest.mark.slow
@pytest.mark.parametrize("is_nohup", [False, True])
def test_a_terminal_that_vanishes_stops_a_study_in_order_unless_nohup_says_otherwise(
    is_nohup: bool,
    terminal: tuple[int, int],
    slow_study_file: Path,
    study_file: Path,
    workspace: Workspace,
) -> None:
    person, side = terminal
    study = study_file if is_nohup else slow_study_file
    name = study.stem

    def take_terminal() -> None:
        import fcntl
        import termios

        os.setsid()
        fcntl.ioctl(side, termios.TIOCSCTTY, 0)
        if is_nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = subprocess.Popen(
        [*PROGRAM, "run", str(study), "--jobs", "2", "--workspace", str(workspace.root)],
        stdin=side,
        stdout=side,
        stderr=side,
        preexec_fn=take_terminal,
    )
    os.close(side)
    while not any(workspace.study(name).trials.glob("*/history.*")):
        assert process.poll() is None
        # A live display has its terminal read.
        os.read(person, 1 << 16)
        time.sleep(0.01)
    os.close(person)
    assert process.wait(240) == (0 if is_nohup else 130)
    content = workspace.study(name).log.read_text()
    if is_nohup:
        assert "test_accuracy" in content
    else:
        assert_stopped("hpsearch: " + content.splitlines()[-1].split("  ", 1)[1] + "\n")
    status = subprocess.run(
        [*PROGRAM, "status", name, "--json", "--workspace", str(workspace.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(status.stdout)["trials"]["running"] == 0
