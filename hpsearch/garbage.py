"""Control of Python's garbage collection."""

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["collecting_no_garbage"]


@contextlib.contextmanager
def collecting_no_garbage() -> Iterator[None]:
    """Disable garbage collection, in all threads, while many long-lived objects are created.

    Python traverses all objects repeatedly as their number grows, which takes a third of the
    time of reading a long journal, and a fifth of importing large libraries.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
