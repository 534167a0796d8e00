"""Timing of several programs on a shared machine: in turns, by medians."""

import time
from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["time_in_turns"]


def time_in_turns(
    programs: Mapping[str, Callable[[], object]], *, n_rounds: int, n_calls: int, n_warm: int = 1
) -> dict[str, float]:
    """Time one call of each program; the programs take turns.

    In each turn a program is called a few times in a row, so that its own data is in the cache as
    if it ran alone; the first calls of a turn are not counted.

    Parameters
    ----------
    programs : mapping
        Name to the function to time.
    n_rounds : int
        Turns of each program.
    n_calls : int
        Calls counted in a turn.
    n_warm : int
        Calls before those, not counted.

    Returns
    -------
    dict
        Name to seconds: the median over all rounds of the mean call.
    """
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(n_rounds):
        for name, call in programs.items():
            for _ in range(n_warm):
                call()
            started = time.perf_counter()
            for _ in range(n_calls):
                call()
            seconds[name].append((time.perf_counter() - started) / n_calls)
    return {name: float(np.median(times)) for name, times in seconds.items()}
