"""Limit a benchmark to a number of cores, whatever threads its libraries start."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

__all__ = ["call_on_cores"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def call_on_cores(
    n_cores: int,
    function: Callable[Arguments, Result],
    *arguments: Arguments.args,
    **keywords: Arguments.kwargs,
) -> Result:
    """Call `function` in a new process with CPU affinity to `n_cores`.

    threadpoolctl's limits affect only the libraries it knows; XLA sizes its thread pool by the
    cores that it finds at its start, and has no setting for it.

    Parameters
    ----------
    n_cores : int
        From 1 to the number of cores that this process may use.
    function : callable
        Importable by the new process; its arguments and result must be picklable.

    Raises
    ------
    ValueError
        If there are fewer cores.
    """
    # Spawned, not forked: libraries must be loaded under the limit, as they create threads then.
    context = get_context("spawn")
    with _limited_to(n_cores), ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function, *arguments, **keywords).result()


@contextmanager
def _limited_to(n_cores: int) -> Iterator[None]:
    """Limit this thread, and the processes that it starts, to `n_cores` cores."""
    cores = os.sched_getaffinity(0)
    if not 1 <= n_cores <= len(cores):
        raise ValueError(f"n_cores: expected 1 to {len(cores)}, which there are, got {n_cores}")
    os.sched_setaffinity(0, sorted(cores)[:n_cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
