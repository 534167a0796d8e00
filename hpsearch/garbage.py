"""Python's search for objects in cycles that nobody needs, and when it finds none."""

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["collecting_no_garbage"]


@contextlib.contextmanager
def collecting_no_garbage() -> Iterator[None]:
    """Put the search off, in all threads, while many objects are made that will be needed.

    Python looks through all objects again and again as they become more: a third of the time of
    reading a long journal, a fifth of importing large libraries.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
