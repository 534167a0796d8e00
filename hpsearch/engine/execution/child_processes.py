"""Child processes of the coordinator: they ignore terminal signals and exit with their parent."""

import atexit
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker

from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker

from hpsearch.engine.execution.environment import drop_unneeded
from hpsearch.foundations.tracebacks import catch_background_errors

__all__ = ["exit_with_parent", "starting_processes"]

# Signals that a terminal sends to the whole process group; only the coordinator handles them.
_FROM_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGHUP})
_QUIET = "ignore:resource_tracker:UserWarning"

_PARENT_CHECK_INTERVAL_S = 1.0


def exit_with_parent(coordinator: int) -> None:
    """Ignore signals from the terminal, and exit within seconds of the coordinator's death.

    An orphaned worker's results are useless: its lease has ended, so it may not save them.
    loky's idle timeout is not enough. A worker exits by it only after acquiring a lock shared
    with the coordinator, which a coordinator killed while holding it never releases; and a
    worker blocked on writing to a full pipe that nobody reads never exits.

    Parameters
    ----------
    coordinator : int
        Process id of the coordinator, the parent of the calling process.
    """
    drop_unneeded()
    catch_background_errors()
    for number in _FROM_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FROM_THE_TERMINAL)
    # At exit Python collects garbage among all libraries' objects, while the coordinator waits.
    atexit.register(gc.freeze)
    threading.Thread(target=_exit_with, args=(coordinator,), daemon=True).start()


@contextlib.contextmanager
def starting_processes() -> Iterator[None]:
    """Start processes with terminal signals blocked until `exit_with_parent` ignores them.

    Otherwise Ctrl-C during their imports would make each print a traceback. Blocks the signals
    in the calling thread, so not for use in the main thread.
    """
    # Python 3.11 unblocks SIGINT in the thread that starts its tracker, so this comes first.
    with _terminal_signals_blocked():
        _start_trackers()
    with _terminal_signals_blocked():
        yield


def _start_trackers() -> None:
    """Start the resource trackers, which clean up shared memory after a killed program."""
    # They would print a warning for each resource removed, after the program's last line.
    sys.warnoptions.append(_QUIET)
    try:
        resource_tracker.ensure_running()
        loky_resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_QUIET)


@contextlib.contextmanager
def _terminal_signals_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_with(coordinator: int) -> None:
    while os.getppid() == coordinator:
        time.sleep(_PARENT_CHECK_INTERVAL_S)
    os._exit(1)
