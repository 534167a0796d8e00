"""Loops over arrays, compiled for the processor that they run on.

NumPy does one operation at a time, and each goes over all of its arrays; what is larger than the
nearest cache waits for memory as often. A compiled loop does all operations to one number before it
turns to the next. They are NumPy's own, in float32 and in the same order, so that the results
are too, bit for bit.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import config, njit
from numba.core.typeinfer import register_dispatcher

from hpsearch.errors import MachineError
from hpsearch.training.compile_cache import CompileCache

__all__ = ["compiled"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(signature: str, *, reorders: bool = False) -> Callable[[Loop], Loop]:
    """Compile the decorated loop, or load what was compiled before.

    That is kept beside the module, or in the user's cache folder if nothing can be written there,
    or where ``NUMBA_CACHE_DIR`` says; without any it is compiled again in each process. A file of
    that cache which cannot be read is written anew. It is kept for the module's file as it
    is: what changes elsewhere, the options below for one, needs ``make clean`` to be noticed.

    Parameters
    ----------
    signature : str
        Numba's: what it returns and takes. Arrays of another type or layout are refused, never
        copied.
    reorders : bool
        Whether additions may be done in another order, many at a time. For sums that no weight
        depends on.

    Raises
    ------
    MachineError
        If numba is told to compile nothing.
    """
    fastmath = {"reassoc"} if reorders else set()

    def compile_loop(loop: Loop) -> Loop:
        if config.DISABLE_JIT:  # type: ignore[attr-defined]  # numba sets it by its name
            raise MachineError(
                "NUMBA_DISABLE_JIT is set, but training needs compiled loops; unset it"
            )
        dispatcher: Any = njit(nogil=True, error_model="numpy", fastmath=fastmath)(loop)
        # What ``cache=True`` does, but for the cache's class.
        if cache := CompileCache.locate(loop):
            dispatcher._cache = cache
        with register_dispatcher(dispatcher):
            dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(Loop, dispatcher)

    return compile_loop
