"""Worker threads for the shares of a step's work, each a fraction of a millisecond long.

A sleeping thread takes as long to wake as such a share takes, longer on a virtual machine. So a
worker thread that waits for work first spins for about a millisecond, without the GIL, before it
sleeps.
"""

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.compiling import compiled

__all__ = ["Threads"]

Share = TypeVar("Share")
Result = TypeVar("Result")

# Iterations of the spin, about a millisecond: longer than the time between two shares of a step,
# shorter than that between two epochs.
_LOOKS_BEFORE_SLEEP = 2_000_000


class Threads:
    """Threads that call a function for each of several shares of work at the same time.

    Parameters
    ----------
    count : int
        Number of threads, including the caller's own.
    """

    def __init__(self, count: int) -> None:
        self._hands = [_Hand() for _ in range(count - 1)]
        for hand in self._hands:
            weakref.finalize(self, hand.begin, None)

    def __call__(
        self, function: Callable[[Share], Result], shares: Sequence[Share]
    ) -> list[Result]:
        """Call `function` for each of `shares`, at most one per thread.

        Returns the results in the order of `shares`, or raises, when all calls have ended.
        """
        if len(shares) == 1:
            return [function(shares[0])]
        busy = self._hands[: len(shares) - 1]
        for hand, share in zip(busy, shares[1:], strict=True):
            hand.begin(partial(function, share))
        try:
            first = function(shares[0])
        finally:
            for hand in busy:
                hand.done.wait()
        others = [hand.take_result() for hand in busy]
        for _, error in others:
            if error:
                raise error
        return [first, *(result for result, _ in others)]


class _Hand:
    """A worker thread that runs one task at a time."""

    def __init__(self) -> None:
        self._asked, self.done = _Signal(), _Signal()
        self._task: Callable[[], Any] | None = None
        self._result: tuple[Any, BaseException | None] = None, None
        threading.Thread(target=self._work, daemon=True).start()

    def begin(self, task: Callable[[], Any] | None) -> None:
        """Start a task; None ends the thread."""
        self._task = task
        self._asked.give()

    def take_result(self) -> tuple[Any, BaseException | None]:
        """Return the result of the last task and None, or None and its exception."""
        result, self._result = self._result, (None, None)
        return result

    def _work(self) -> None:
        while True:
            self._asked.wait()
            # Not kept: it refers to the owner of `Threads`, which would never be collected, so that
            # this thread would never end.
            task, self._task = self._task, None
            if task is None:
                return
            try:
                self._result = task(), None
            except BaseException as error:
                self._result = None, error
            del task
            self.done.give()


class _Signal:
    """A semaphore between two threads, one of which gives and the other waits, in turns."""

    def __init__(self) -> None:
        self._not_given = threading.Lock()
        self._not_given.acquire()
        self._n_given = np.zeros(1, np.int64)
        self._n_waited = 0

    def give(self) -> None:
        self._not_given.release()
        self._n_given[0] += 1  # for a waiting thread that spins

    def wait(self) -> None:
        self._n_waited += 1
        _look_for(self._n_given, self._n_waited, _LOOKS_BEFORE_SLEEP)
        self._not_given.acquire()


def _type_look(_: Any, numbers: Any) -> Any:
    """Generate: load the first of `numbers` from memory.

    The load is atomic: the compiler would move an ordinary one out of the loop that waits.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load_atomic(array.data, "acquire", 8)

    return types.int64(numbers), generate


_look = cast(Callable[..., int], intrinsic(_type_look))


@compiled("void(int64[::1], int64, int64)")
def _look_for(numbers: NDArray[np.int64], number: int, n_looks: int) -> None:
    """Spin until the first of `numbers` is `number`, `n_looks` times at most."""
    for _ in range(n_looks):
        if _look(numbers) == number:
            return
