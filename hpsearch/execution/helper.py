"""A process beside the coordinator, for work that would hold up its threads."""

import contextlib
import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from joblib.externals.loky import ProcessPoolExecutor
from threadpoolctl import threadpool_limits

from hpsearch.execution.belonging import belong_to, starting_processes
from hpsearch.execution.environment import worker_environment
from hpsearch.importing import import_to_stay

__all__ = ["HelperProcess"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class HelperProcess:
    """One process, started by its first task; not for several threads at once.

    Threads of one Python process take turns, each for up to 5 ms: a picture drawn in the
    coordinator would make every step of a dispatch wait for such a turn.

    It ends within seconds of a coordinator that was killed, whatever it is doing, so that it
    writes nothing beside the one that continues the study.

    Parameters
    ----------
    *modules : str
        What all tasks need; imported when it starts.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._executor: ProcessPoolExecutor | None = None

    def run(
        self,
        function: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **keywords: Arguments.kwargs,
    ) -> Answer:
        """Call `function` there, and wait for what it returns or raises.

        If the process dies, the call is made once more, in a new one.

        Raises
        ------
        BrokenProcessPool
            If that dies too.
        """
        try:
            return self._call(function, *arguments, **keywords)
        except BrokenProcessPool:
            self.close()
            return self._call(function, *arguments, **keywords)

    def close(self, *, kill: bool = False) -> None:
        """End the process once it has done what it is doing, or now; that is not waited for.

        A process that is not killed is waited for when this one ends.
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
                    initializer=_begin,
                    initargs=(os.getpid(), *self._modules),
                    # Whatever the user draws with elsewhere: there is no window here.
                    env={**worker_environment(), "MPLBACKEND": "agg"},
                )
            future = self._executor.submit(function, *arguments, **keywords)
        answer: Answer = future.result()
        return answer


def _begin(coordinator: int, *modules: str) -> None:
    belong_to(coordinator)
    # What keeps it from being imported is told by the task that needs it. Raised here, it would
    # be printed as a traceback.
    with contextlib.suppress(Exception):
        import_to_stay(*modules)
    # A second thread of BLAS would wait awake, on a core that is training.
    threadpool_limits(1)
