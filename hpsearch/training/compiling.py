"""Loops over arrays, compiled for the processor that they run on.

NumPy does one operation at a time, and each goes over all of its arrays; what is larger than the
nearest cache waits for memory as often. A compiled loop does all operations to one number before it
turns to the next. They are NumPy's own, in float32 and in the same order, so that the results
are too, bit for bit.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(signature: str, *, reorders: bool = False) -> Callable[[Loop], Loop]:
    """Compile the decorated loop, or find what was compiled before.

    That is kept beside the module, or in the user's cache folder if nothing can be written there;
    without either it is compiled again in each process. It is kept for the module's file as it
    is: what changes elsewhere, the options below for one, needs ``make clean`` to be noticed.

    Parameters
    ----------
    signature : str
        Numba's: what it returns and takes. Arrays of another type or layout are refused, never
        copied.
    reorders : bool
        Whether additions may be done in another order, many at a time. For sums that no weight
        depends on.
    """
    fastmath = {"reassoc"} if reorders else set()

    def compile_loop(loop: Loop) -> Loop:
        compile_with = partial(njit, signature, nogil=True, error_model="numpy", fastmath=fastmath)
        try:
            return cast(Loop, compile_with(cache=True)(loop))
        except RuntimeError:  # "cannot cache function: no locator available"
            return cast(Loop, compile_with()(loop))

    return compile_loop
