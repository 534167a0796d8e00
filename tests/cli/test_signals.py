"""How signals are answered at each stage of the program, in small processes of their own."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpsearch.api.terminal.interruption import Interruption

Start = Callable[..., subprocess.Popen[str]]

_LINE = "hpsearch: interrupted; the same command continues\n"
# A guard against a hang; what is tested takes a second or two on an idle machine.
_PATIENCE_S = 120


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program that owns its process; wait until it says that it is ready."""
    begun = []

    def make(body: str, *, prepare: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        program = (
            "import hashlib, os, subprocess, sys, time\n"
            "from hpsearch.api.terminal.interruption import Interruption\n"
            "with Interruption(owns_process=True) as interruption:\n"
            + textwrap.indent(textwrap.dedent(body), "    ")
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )
        begun.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield make
    for process in begun:
        process.kill()
        process.communicate()


def _burst(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    for _ in range(5):
        process.send_signal(number)


def _end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, error = process.communicate(timeout=_PATIENCE_S)
    return process.returncode, output, error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_the_start_a_signal_ends_the_program_with_one_line(start: Start, number: int) -> None:
    process = start("print('ready', flush=True); time.sleep(600)")
    _burst(process, number)
    assert _end(process) == (130, "", _LINE)


def test_a_command_cleans_up(start: Start) -> None:
    process = start(
        """
        interruption.begin_command()
        try:
            print('ready', flush=True)
            time.sleep(600)
        except KeyboardInterrupt:
            print('cleaned up', flush=True)
        interruption.end(0)
        """
    )
    _burst(process)
    assert _end(process) == (0, "cleaned up\n", "")


@pytest.mark.parametrize(
    "stuck",
    [
        "hashlib.pbkdf2_hmac('sha256', b'', b'', 2 ** 31 - 1)",  # one long call into C
        "try: time.sleep(600)\n    finally: time.sleep(600)",
    ],
)
def test_a_command_that_is_stuck_is_ended(start: Start, stuck: str) -> None:
    process = start(
        "interruption.begin_command()\n"
        "import threading; threading.Timer(1.0, print, ['ready'], {'flush': True}).start()\n"
        f"if 1:\n    {stuck}"
    )
    _burst(process)
    assert _end(process) == (130, "", _LINE)


def test_a_signal_during_a_study_sets_stop_and_raises_nothing(start: Start) -> None:
    process = start(
        """
        interruption.begin_study('the epoch')
        print('ready', flush=True)
        interruption.stop.wait()
        print('stopped', flush=True)
        interruption.end(0)
        """
    )
    _burst(process, signal.SIGTERM)
    assert _end(process) == (0, "stopped\n", "")


def test_a_flood_of_signals_cannot_deadlock_a_study(start: Start) -> None:
    """A handler that takes the lock of an Event can meet itself while it holds it."""
    process = start(
        """
        interruption.begin_study('the epoch')
        print('ready', flush=True)
        while not interruption.stop.is_set():
            pass
        for _ in range(200_000):
            interruption.stop.set()
        interruption.end(0)
        """
    )
    for _ in range(500):
        process.send_signal(signal.SIGTERM)
    assert _end(process)[0] == 0


def test_what_a_study_waits_for_is_reported_and_another_signal_ends_it(start: Start) -> None:
    process = start(
        """
        interruption.begin_study('the epoch')
        print('ready', flush=True)
        time.sleep(600)
        """
    )
    _burst(process)
    assert process.stderr
    reason = process.stderr.readline()
    assert reason == ("hpsearch: stopping: waiting for the epoch (Ctrl-C again: without waiting)\n")
    process.send_signal(signal.SIGINT)
    message = "hpsearch: interrupted without waiting; the same command continues\n"
    assert _end(process) == (130, "", message)


def test_children_do_not_outlive_a_program_that_does_not_wait(start: Start) -> None:
    process = start(
        """
        import psutil
        interruption.begin_study('the epoch')
        print('ready', flush=True)
        subprocess.run([sys.executable, '-c', 'import time; time.sleep(150)'])
        """
    )
    process.send_signal(signal.SIGINT)
    assert process.stderr
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    # The child has inherited the pipes, so this would wait for it in vain.
    assert _end(process)[0] == 130


def test_slow_clean_up_after_a_signal_is_cut_short(start: Start) -> None:
    process = start(
        """
        interruption.begin_study('the epoch')
        print('ready', flush=True)
        interruption.stop.wait()
        interruption.end(130)
        time.sleep(600)
        """
    )
    _burst(process)
    assert _end(process) == (130, "", "")


def test_a_signal_when_all_is_done_changes_no_exit_code(start: Start) -> None:
    process = start("interruption.end(5); print('ready', flush=True); time.sleep(600)")
    _burst(process)
    assert _end(process) == (5, "", "")


def test_nohup_is_respected(start: Start) -> None:
    process = start(
        "print('ready', flush=True); time.sleep(600)",
        prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert _end(process) == (130, "", _LINE)


def test_in_a_host_process_a_signal_raises_and_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt), Interruption(owns_process=False):
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_in_a_host_process_a_study_stops_at_the_first_signal_and_raises_at_a_later_one() -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from hpsearch.api.terminal.interruption import Interruption
        try:
            with Interruption(owns_process=False) as interruption:
                interruption.begin_study('the epoch')
                print('ready', flush=True)
                interruption.stop.wait()
                print('stopping', flush=True)
                time.sleep(600)
        except KeyboardInterrupt:
            print('abandoned', flush=True)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "stopping\n"
    assert "waiting for the epoch" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=_PATIENCE_S) == ("abandoned\n", "")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
@pytest.mark.parametrize("command", [["list"], ["run"], ["status", "x"]])
def test_the_real_program_handles_signals_from_the_start(
    command: list[str], tmp_path: Path
) -> None:
    """Before Optuna and the like have been imported, which takes seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from hpsearch.cli import main; raise SystemExit(main())", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    while not _answers_signals(process.pid):
        assert process.poll() is None
    assert "optuna" not in Path(f"/proc/{process.pid}/maps").read_text()
    _burst(process)
    assert _end(process) == (130, "", _LINE)
    assert list(tmp_path.iterdir()) == []


def _answers_signals(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM, which Python alone does not install."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(status.get("SigCgt", "0"), 16) >> (signal.SIGTERM - 1) & 1)
