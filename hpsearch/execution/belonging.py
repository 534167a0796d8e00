"""What every process that the coordinator starts does first: it becomes the coordinator's."""

import atexit
import gc
import os
import signal
import threading
import time

__all__ = ["belong_to"]

_LOOKS_FOR_ITS_COORDINATOR_EVERY_S = 1.0


def belong_to(coordinator: int) -> None:
    """Leave Ctrl-C to the coordinator, and end within seconds of its death, whatever one does.

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
    # A terminal sends Ctrl-C to all; the coordinator alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Python ends by looking at all objects of all libraries once more, and the coordinator waits.
    atexit.register(gc.freeze)
    threading.Thread(target=_end_with, args=(coordinator,), daemon=True).start()


def _end_with(coordinator: int) -> None:
    while os.getppid() == coordinator:
        time.sleep(_LOOKS_FOR_ITS_COORDINATOR_EVERY_S)
    os._exit(1)
