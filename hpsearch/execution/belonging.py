"""What every process that the coordinator starts does first: it becomes the coordinator's."""

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

from hpsearch.execution.environment import drop_unneeded
from hpsearch.tracebacks import catch_background_errors

__all__ = ["belong_to", "starting_processes"]

# What a terminal sends to all processes of a program; the coordinator alone answers it.
_FROM_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGHUP})
_QUIET = "ignore:resource_tracker:UserWarning"

_LOOKS_FOR_ITS_COORDINATOR_EVERY_S = 1.0


def belong_to(coordinator: int) -> None:
    """Leave signals from the terminal to the coordinator, and end within seconds of its death.

    What a worker would do after that is for nobody: its lease has ended, so that it may save
    nothing. It could not be left to loky's idle timeout. A worker ends by that only if it can
    take a lock that it shares with the coordinator, and one killed with the lock in hand never
    gives it back; nor does a worker ever end that has more to say than a pipe holds and nobody
    to hear it.

    Parameters
    ----------
    coordinator : int
        Its process id; the parent of the process that calls.
    """
    drop_unneeded()
    catch_background_errors()
    for number in _FROM_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FROM_THE_TERMINAL)
    # Python ends by looking at all objects of all libraries once more, and the coordinator waits.
    atexit.register(gc.freeze)
    threading.Thread(target=_end_with, args=(coordinator,), daemon=True).start()


@contextlib.contextmanager
def starting_processes() -> Iterator[None]:
    """Start processes in which signals from the terminal wait until `belong_to` discards them.

    Else Ctrl-C would meet them while they import, and each would print a traceback. Blocks the
    signals in the calling thread, so it is for other threads than the main one.
    """
    # Python 3.11 unblocks SIGINT in the thread that starts its tracker, so this comes first.
    with _blocking():
        _start_trackers()
    with _blocking():
        yield


def _start_trackers() -> None:
    """Start the processes that remove what a killed program leaves in shared memory."""
    # They would print a warning about each thing they remove, after the program's last line.
    sys.warnoptions.append(_QUIET)
    try:
        resource_tracker.ensure_running()
        loky_resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(_QUIET)


@contextlib.contextmanager
def _blocking() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FROM_THE_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(coordinator: int) -> None:
    while os.getppid() == coordinator:
        time.sleep(_LOOKS_FOR_ITS_COORDINATOR_EVERY_S)
    os._exit(1)
