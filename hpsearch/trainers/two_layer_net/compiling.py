"""Loops over arrays, compiled by numba for the processor they run on.

A NumPy operation reads and writes whole arrays, and those that are larger than a cache go through
main memory at each operation. A compiled loop applies all operations to one number before the
next. They are NumPy's operations, in float32 and in the same order, so that results are equal to
the bit.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import config, njit
from numba.core.typeinfer import register_dispatcher

from hpsearch.foundations.errors import MachineError
from hpsearch.trainers.two_layer_net.compile_cache import CompileCache

__all__ = ["compiled"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(signature: str, *, reorders: bool = False) -> Callable[[Loop], Loop]:
    """Compile the decorated loop, or load it from the cache.

    The cache is stored beside the module, or in the user's cache folder if the module's is not
    writable, or in ``NUMBA_CACHE_DIR``; without a writable folder each process compiles anew. A
    damaged cache file is replaced. An entry is valid as long as the module's file is unchanged: a
    change elsewhere, as of the options below, requires ``make clean``.

    Parameters
    ----------
    signature : str
        Numba's signature: types of the result and the arguments. Arrays of another dtype or layout
        are refused, never copied.
    reorders : bool
        Whether additions may be reordered, to be vectorised. For sums on which no weight depends.

    Raises
    ------
    MachineError
        If ``NUMBA_DISABLE_JIT`` is set.
    """
    fastmath = {"reassoc"} if reorders else set()

    def compile_loop(loop: Loop) -> Loop:
        if config.DISABLE_JIT:  # type: ignore[attr-defined]  # numba sets it by its name
            raise MachineError(
                "NUMBA_DISABLE_JIT is set, but training needs compiled loops; unset it"
            )
        dispatcher: Any = njit(nogil=True, error_model="numpy", fastmath=fastmath)(loop)
        # As ``cache=True`` does, with another class of cache.
        if cache := CompileCache.locate(loop):
            dispatcher._cache = cache
        with register_dispatcher(dispatcher):
            dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(Loop, dispatcher)

    return compile_loop
