"""A helper process for work that would delay the coordinator's threads."""

import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from threadpoolctl import threadpool_limits

from hpsearch.engine.execution.child_processes import (
    exit_with_parent,
    starting_processes,
    worker_environment,
)

__all__ = ["HelperProcess"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class HelperProcess:
    """One process, started by its first task; not thread-safe.

    Threads of one Python process hold the GIL for up to 5 ms at a time: a figure drawn in the
    coordinator would delay every step of a dispatch by that much.

    It exits within seconds of the coordinator's death, even in the middle of a task, so that
    it does not write concurrently with a coordinator that resumes the study.
    """

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None

    def run(
        self,
        function: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **keywords: Arguments.kwargs,
    ) -> Answer:
        """Call `function` in the process, and return or raise what it does.

        If the process dies, the call is repeated once, in a new process.

        Raises
        ------
        BrokenProcessPool
            If the new process dies too.
        """
        try:
            return self._call(function, *arguments, **keywords)
        except BrokenProcessPool:
            self.close()
            return self._call(function, *arguments, **keywords)

    def close(self, *, kill: bool = False) -> None:
        """End the process after its current task, or at once with `kill`; do not wait for it.

        Unless killed, it is waited for when the calling process exits.
        """
        if self._executor:
            self._executor.shutdown(wait=False, kill_workers=kill)
            self._executor = None

    def _call(
        self,
        function: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **keywords: Arguments.kwargs,
    ) -> Answer:
        with starting_processes():
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1,
                    initializer=_initialize,
                    initargs=(os.getpid(),),
                    # Overrides the user's backend: the helper opens no windows.
                    env={**worker_environment(), "MPLBACKEND": "agg"},
                )
            future = self._executor.submit(function, *arguments, **keywords)
        answer: Answer = future.result()
        return answer


def _initialize(coordinator: int) -> None:
    exit_with_parent(coordinator)
    # A second BLAS thread would spin on a core that is training. joblib has imported NumPy.
    threadpool_limits(1)
