"""As many cores for one side of a comparison as for the other, whatever threads it makes."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

__all__ = ["call_on_cores"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def call_on_cores(
    n_cores: int,
    function: Callable[Arguments, Answer],
    *arguments: Arguments.args,
    **keywords: Arguments.kwargs,
) -> Answer:
    """Call `function` in a new process that the system keeps to `n_cores`.

    Limits on threads reach the libraries that know them; XLA's pool takes its size from the
    cores that it finds when it is made, and no setting of another's changes it.

    Parameters
    ----------
    n_cores : int
        From 1 to the cores that this process may use.
    function : callable
        Importable by the new process; so are its arguments and what it returns.

    Raises
    ------
    ValueError
        If there are not so many cores.
    """
    # Spawned, not forked: libraries must meet the limit before they make their threads.
    context = get_context("spawn")
    with _limited_to(n_cores), ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function, *arguments, **keywords).result()


@contextmanager
def _limited_to(n_cores: int) -> Iterator[None]:
    """Keep this thread, and the processes that it starts, to so many cores."""
    cores = os.sched_getaffinity(0)
    if not 1 <= n_cores <= len(cores):
        raise ValueError(f"n_cores: expected 1 to {len(cores)}, which there are, got {n_cores}")
    os.sched_setaffinity(0, sorted(cores)[:n_cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
