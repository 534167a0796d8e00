"""Handling of Ctrl-C, SIGTERM and SIGHUP at each stage of the program.

Python runs a signal handler between two bytecodes of the main thread, which may hold any lock at
that moment; a handler that takes a lock can deadlock. So the handler here only reads and sets
attributes, or raises `KeyboardInterrupt`. All else is done by a separate thread, which Python's C
code notifies through a pipe, even while the main thread is in a long library call.

This module is imported before all others, so its imports are few and fast.
"""

import atexit
import contextlib
import os
import select
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Literal, Self, TypeAlias

__all__ = ["INTERRUPTED", "Interruption"]

INTERRUPTED = 130
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Later signals of the same burst are part of the first: a key held down, or a wrapper script
# that forwards what the terminal has already sent to the whole process group.
_BURST_S = 1.0
# How long the program may take to stop before it reports what it waits for.
_REPORT_AFTER_S = 1.0
# How long clean-up may take before the process ends without it.
_GRACE_S = 1.5
_END = 0
_MESSAGE = "interrupted; the same command continues"

_Stage: TypeAlias = Literal["starting", "command", "study", "done"]


class Interruption:
    """Context that handles signals, if entered in the main thread, as Python requires.

    While the program starts, a signal ends it at once, as nothing has begun. While a command
    runs, `KeyboardInterrupt` is raised once in the main thread; clean-up that takes longer than
    1.5 s is skipped, as if the process had been killed. While a study runs, `stop` is set, and
    what the program still waits for is reported after a second; a signal that comes later than
    that ends the program without waiting.

    Parameters
    ----------
    owns_process : bool
        Whether the process may be ended, and signals are handled until it exits. If not, as in
        a notebook, `KeyboardInterrupt` is raised instead.
    """

    def __init__(self, *, owns_process: bool) -> None:
        self.stop = threading.Event()
        self.waits_for = ""
        self._owns_process = owns_process
        self._stage: _Stage = "starting" if owns_process else "command"
        self._asked_at: float | None = None
        self._reported = ""
        self._is_abandoned = False
        self._has_raised = False
        self._exit_code = INTERRUPTED
        self._before: dict[int, Any] = {}

    @property
    def is_asked(self) -> bool:
        """Whether a signal has been received."""
        return self._has_raised or self._asked_at is not None

    def begin_command(self) -> None:
        """Enter the stage in which a signal raises `KeyboardInterrupt`."""
        self._stage = "command"

    def begin_study(self, waits_for: str) -> None:
        """Enter the stage in which a signal sets `stop`; `waits_for` names what then delays it."""
        self.waits_for = waits_for
        self._stage = "study"

    def end(self, exit_code: int) -> None:
        """Enter the last stage: a signal, or slow clean-up after one, ends the process silently."""
        self._exit_code = exit_code
        self._stage = "done"
        if self._owns_process and self.is_asked:
            for number in self._before:
                # Python restores the default handlers at exit; a late signal would then kill.
                signal.signal(number, signal.SIG_IGN)
            _end_children()
            # A thread may start another child until Python joins the threads.
            atexit.register(_end_children)
        if self._before:
            os.write(self._write_end, bytes([_END]))

    def __enter__(self) -> Self:
        """Install the signal handlers."""
        if threading.current_thread() is not threading.main_thread():
            return self  # signals are left to the program that runs in the main thread
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._thread.start()
        for number in _NUMBERS:
            # `nohup` ignores SIGHUP for the programs it starts.
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore the handlers, unless the process ends with the program."""
        if self._owns_process or not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self.end(INTERRUPTED)
        self._thread.join()
        os.close(self._read_end)
        os.close(self._write_end)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        may_raise = self._stage == "command" or self._is_abandoned
        if may_raise and not self._has_raised:
            self._has_raised = True
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """Handle the signals that arrive through the pipe, and missed deadlines."""
        deadline: float | None = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._read_end], [], [], left)[0]:
                deadline = self._handle_timeout()
                continue
            numbers = os.read(self._read_end, 64)
            if any(number in numbers for number in _NUMBERS):
                deadline = self._handle_signal() or deadline
            if _END in numbers:
                if not self._owns_process:
                    return
                deadline = time.monotonic() + _GRACE_S if self.is_asked else None

    def _handle_signal(self) -> float | None:
        """Handle a signal according to the stage; return the new deadline, if there is one."""
        now = time.monotonic()
        is_first = self._asked_at is None
        if self._asked_at is None:
            self._asked_at = now
        match self._stage:
            case "starting":
                self._exit_now(_MESSAGE)
            case "done" if self._owns_process:
                self._exit_now()
            case "command" if is_first:
                self._silence_hooks()
                return now + _GRACE_S
            case "study" if is_first:
                self._silence_hooks()
                self.stop.set()
                return now + _REPORT_AFTER_S
            case "study" if now - self._asked_at > _BURST_S and not self._is_abandoned:
                if self._owns_process:
                    self._exit_now("interrupted without waiting; the same command continues")
                self._is_abandoned = True
                # The handler may have run for this signal before `_is_abandoned` was set.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return None

    def _handle_timeout(self) -> float | None:
        """Report what the study waits for, or end the process; return the new deadline."""
        if self._stage == "study":
            if self._reported != self.waits_for:
                self._reported = self.waits_for
                line = f"stopping: waiting for {self._reported} (Ctrl-C again: without waiting)"
                print(f"hpsearch: {line}", file=sys.stderr, flush=True)
            return time.monotonic() + _REPORT_AFTER_S
        if self._owns_process:
            self._exit_now(None if self._stage == "done" else _MESSAGE)
        return None

    def _silence_hooks(self) -> None:
        """Suppress tracebacks of interrupted threads and destructors."""
        if self._owns_process:
            sys.unraisablehook = _ignore
            threading.excepthook = _ignore

    def _exit_now(self, message: str | None = None) -> None:
        """Kill the child processes and exit at once, without clean-up."""
        children = _list_children()
        with contextlib.suppress(OSError):
            if self._stage != "starting" and os.isatty(1):
                os.write(1, b"\x1b[?25h\n")  # the live display hides the cursor
            # A full pipe that nobody reads must not keep the process alive.
            if message and select.select([], [2], [], 0)[1]:
                os.write(2, f"hpsearch: {message}\n".encode())
        _kill(children)  # right before exiting: the main thread could react to their deaths
        os._exit(self._exit_code)


def _ignore(_what: object) -> None:
    pass


def _end_children() -> None:
    _kill(_list_children())


def _list_children() -> list[int]:
    """List child processes without joblib's resource tracker, which exits after cleaning up."""
    # Whatever starts processes has imported it. An import here could wait for the main thread.
    psutil = sys.modules.get("psutil")
    found: list[int] = []
    if psutil:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if not any("resource_tracker" in part for part in child.cmdline()):
                        found.append(child.pid)
    return found


def _kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
