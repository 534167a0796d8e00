"""State of the Dask task that the calling thread runs."""

import sys

__all__ = ["is_in_task", "is_wanted"]

# States of a task that Dask's worker runs and whose result a client waits for.
_WANTED = ("executing", "long-running")


def is_in_task() -> bool:
    """Whether this thread runs a task of a Dask worker."""
    if "distributed" not in sys.modules:  # only Dask's workers import it, and it is slow
        return False
    from dask.context import thread_state

    return hasattr(thread_state, "execution_state")


def is_wanted() -> bool:
    """Whether a client still waits for this thread's result; true outside Dask.

    The scheduler cancels a task when the client that submitted it is gone, even if killed.
    """
    if not is_in_task():
        return True
    from dask.context import thread_state

    worker = thread_state.execution_state["worker"]
    task = worker.state.tasks.get(thread_state.key)
    return task is not None and task.state in _WANTED
