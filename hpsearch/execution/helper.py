"""A process beside the coordinator, for work that would hold up its threads."""

import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import ParamSpec, TypeVar

from joblib.externals.loky import ProcessPoolExecutor

from hpsearch.execution.belonging import belong_to
from hpsearch.execution.credentials import blank_credentials
from hpsearch.garbage import collecting_no_garbage

__all__ = ["HelperProcess"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class HelperProcess:
    """One process, started by its first task; not for several threads at once.

    Threads of one Python process take turns, each for up to 5 ms: a picture drawn in the
    coordinator would make every step of a dispatch wait for such a turn.

    It ends within seconds of a coordinator that was killed, whatever it is doing, so that it
    writes nothing beside the one that continues the study.
    """

    def __init__(self) -> None:
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

    def get_ready(self, module: str) -> None:
        """Import `module` there, so that no later call waits for that."""
        self.run(_import, module)

    def close(self) -> None:
        """End the process once it has done what it is doing; that is not waited for."""
        if self._executor:
            self._executor.shutdown(wait=False)
            self._executor = None

    def _call(
        self,
        function: Callable[Arguments, Answer],
        *arguments: Arguments.args,
        **keywords: Arguments.kwargs,
    ) -> Answer:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                1, initializer=belong_to, initargs=(os.getpid(),), env=blank_credentials()
            )
        answer: Answer = self._executor.submit(function, *arguments, **keywords).result()
        return answer


def _import(module: str) -> None:
    with collecting_no_garbage():
        import_module(module)
