"""Sharing work among a few threads of a training, each share a fraction of a millisecond long.

A thread that sleeps takes as long to wake as such a share takes, longer on a virtual machine. So
threads stay awake for a moment, outside of Python, before they fall asleep.
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

from hpsearch.training.compiling import compiled

__all__ = ["Threads"]

Share = TypeVar("Share")
Result = TypeVar("Result")

# About a millisecond: longer than what lies between two shares of a step, shorter than what lies
# between two epochs.
_LOOKS_BEFORE_SLEEP = 2_000_000


class Threads:
    """Calls a function for each of some shares of work at the same time.

    Parameters
    ----------
    count : int
        Threads, the caller's own included.
    """

    def __init__(self, count: int) -> None:
        self._hands = [_Hand() for _ in range(count - 1)]
        for hand in self._hands:
            weakref.finalize(self, hand.begin, None)

    def __call__(
        self, function: Callable[[Share], Result], shares: Sequence[Share]
    ) -> list[Result]:
        """The results, in the order of `shares`: one share for each thread, or fewer.

        Returns or raises when all shares are done.
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
    """A thread that does one thing after the other, as it is asked to."""

    def __init__(self) -> None:
        self._asked, self.done = _Signal(), _Signal()
        self._task: Callable[[], Any] | None = None
        self._result: tuple[Any, BaseException | None] = None, None
        threading.Thread(target=self._work, daemon=True).start()

    def begin(self, task: Callable[[], Any] | None) -> None:
        """Have it do something, or end."""
        self._task = task
        self._asked.give()

    def take_result(self) -> tuple[Any, BaseException | None]:
        """What the task returned, or raised."""
        result, self._result = self._result, (None, None)
        return result

    def _work(self) -> None:
        while True:
            self._asked.wait()
            # Not kept: who is worked for, and so this thread, would stay for ever.
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
    """Given by one thread and waited for by another, in turns."""

    def __init__(self) -> None:
        self._not_given = threading.Lock()
        self._not_given.acquire()
        self._n_given = np.zeros(1, np.int64)
        self._n_waited = 0

    def give(self) -> None:
        self._not_given.release()
        self._n_given[0] += 1  # to be seen by who is awake

    def wait(self) -> None:
        self._n_waited += 1
        _look_for(self._n_given, self._n_waited, _LOOKS_BEFORE_SLEEP)
        self._not_given.acquire()


def _type_look(_: Any, numbers: Any) -> Any:
    """The first of some numbers as it is now, for which a compiler would look only once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load_atomic(array.data, "acquire", 8)

    return types.int64(numbers), generate


_look = cast(Callable[..., int], intrinsic(_type_look))


@compiled("void(int64[::1], int64, int64)")
def _look_for(numbers: NDArray[np.int64], number: int, n_looks: int) -> None:
    """Return once the first of `numbers` is `number`, or after so many looks."""
    for _ in range(n_looks):
        if _look(numbers) == number:
            return
