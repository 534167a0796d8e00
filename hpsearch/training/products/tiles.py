"""A corner of a matrix product whose sums stay in a processor's registers until they are done.

That is what makes a product quick, and what cannot be said in NumPy or in a compiled loop:
those leave to a compiler which numbers it keeps where. Goto & van de Geijn 2008, section 4.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hpsearch.training.products.vectors import FLOAT, fma, read_arrays, spread, vector_of
from hpsearch.training.target import HAS_AVX512

__all__ = ["TALL", "WIDE", "make_tile"]

# Rows and panels of a tile: as many sums as leave registers for what is added to them.
TALL, WIDE = (12, 2) if HAS_AVX512 else (6, 1)

_FLOATS = vector_of(FLOAT)


def make_tile(n_rows: int, n_panels: int) -> Callable[..., None]:
    """A function of (start, left, right, out), to be called in compiled loops.

    It takes start and out of shape (P, R, LANES), left (R, K) and right (P, K, LANES), and writes
    for the first `n_rows` and `n_panels` of out, in the order of k, ``out[p, r] = start[p, r] +
    sum(left[r, k] * right[p, k])``. Each product is added without being rounded before, whatever
    the processor, so that all have the same bits. `out` may be `start`.
    """
    places = [(panel, row) for row in range(n_rows) for panel in range(n_panels)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, left, right, out = read_arrays(context, builder, signature, arguments)
        sums = {place: cgutils.alloca_once(builder, _FLOATS) for place in places}
        for place in places:
            builder.store(start.load(_FLOATS, *place), sums[place])
        with cgutils.for_range(builder, left.shape[1]) as loop:
            # If left is transposed, what the tile after the next one reads lies right of this.
            left.prefetch(2 * n_rows, loop.index)
            vectors = [right.load(_FLOATS, panel, loop.index) for panel in range(n_panels)]
            for row in range(n_rows):
                number = spread(builder, left.load(FLOAT, row, loop.index))
                for panel, vector in enumerate(vectors):
                    place = sums[panel, row]
                    builder.store(fma(builder, number, vector, builder.load(place)), place)
        for place in places:
            out.store(builder.load(sums[place]), *place)
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, start: Any, left: Any, right: Any, out: Any) -> Any:
        return types.void(start, left, right, out), generate

    return tile
