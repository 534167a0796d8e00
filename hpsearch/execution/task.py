"""The Dask task that a thread runs, seen from inside."""

import sys

__all__ = ["is_in_task", "is_wanted"]

# How Dask's worker calls a task that it runs and whose result somebody waits for.
_WANTED = ("executing", "long-running")


def is_in_task() -> bool:
    """Whether this thread runs a task of a Dask worker."""
    if "distributed" not in sys.modules:  # in no worker but Dask's, and slow to import
        return False
    from dask.context import thread_state

    return hasattr(thread_state, "execution_state")


def is_wanted() -> bool:
    """Whether anybody still waits for what this thread does; true outside Dask.

    The scheduler takes a task back when the client that asked for it has left, however it left.
    """
    if not is_in_task():
        return True
    from dask.context import thread_state

    worker = thread_state.execution_state["worker"]
    task = worker.state.tasks.get(thread_state.key)
    return task is not None and task.state in _WANTED
