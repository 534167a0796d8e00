"""Child processes of the coordinator: their environment, their signals and their end.

They inherit no addresses and no passwords, ignore a terminal's signals and exit with their parent.
"""

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

from hpsearch.foundations.tracebacks import catch_background_errors

__all__ = [
    "allowed",
    "exit_with_parent",
    "passed_environment",
    "starting_processes",
    "worker_environment",
]

# Locations of programs, data, user files and temporary files; device; language and time zone.
_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "VIRTUAL_ENV", "CONDA_PREFIX"),
        *("HPSEARCH_DATA_DIR", "HPSEARCH_DEVICE"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "GLIBC_TUNABLES"),
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"),
        *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS"),
    }
)
# Python, locale, memory; threads and caches of numerical libraries; joblib; accelerators; fonts.
_PREFIXES = (
    *("PYTHON", "LC_", "MALLOC_", "PROCESSOR_", "MPL", "FONTCONFIG_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("NUMBA_", "NPY_", "TBB_", "ENABLE_IPC", "LOKY_", "JOBLIB_"),
    *("CUDA_", "NVIDIA_", "HIP_", "ROCR_"),
)

# Signals that a terminal sends to the whole process group; only the coordinator handles them.
_FROM_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGHUP})
_QUIET = "ignore:resource_tracker:UserWarning"

_PARENT_CHECK_INTERVAL_S = 1.0


def allowed(name: str) -> bool:
    """Whether workers get the environment variable `name`."""
    return name in _NAMES or name.startswith(_PREFIXES)


def passed_environment() -> dict[str, str]:
    """Return the variables of this process's environment that workers get."""
    return {name: value for name, value in os.environ.items() if allowed(name)}


def worker_environment() -> dict[str, str]:
    """Return the changes to a worker's environment: variables that are not allowed are blanked.

    joblib can change variables there, but not remove any; `exit_with_parent` does. Python's
    warnings are off unless ``PYTHONWARNINGS`` is set.
    """
    blank = {name: "" for name in os.environ if not allowed(name)}
    return {"PYTHONWARNINGS": "ignore", **blank} if "PYTHONWARNINGS" not in os.environ else blank


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
    _drop_unneeded()
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


def _drop_unneeded() -> None:
    """Remove from this process's environment what `worker_environment` blanks.

    Some libraries treat an empty variable as set.
    """
    for name in list(os.environ):
        if not allowed(name):
            del os.environ[name]
