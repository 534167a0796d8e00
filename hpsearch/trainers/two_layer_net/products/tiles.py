"""Inner loop of a float32 matrix product: a tile of the result, with its sums in registers.

Sums that stay in registers until they are complete are what makes a matrix product fast. Neither
NumPy nor a compiled loop can ask for that: there the compiler decides. Goto & van de Geijn 2008,
"Anatomy of high-performance matrix multiplication", section 4.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hpsearch.trainers.two_layer_net.products.vectors import (
    FLOAT,
    fma,
    read_arrays,
    spread,
    vector_of,
)
from hpsearch.trainers.two_layer_net.target import HAS_AVX512

__all__ = ["TALL", "WIDE", "make_tile"]

# Rows and panels of a tile. Its sums take 24 of AVX-512's 32 registers, or 12 of AVX2's 16 (two
# for each vector); the others are needed for the operands.
TALL, WIDE = (12, 2) if HAS_AVX512 else (6, 1)

_FLOATS = vector_of(FLOAT)


def make_tile(n_rows: int, n_panels: int) -> Callable[..., None]:
    """Return the inner loop for `n_rows` rows and `n_panels` panels, for use in compiled loops.

    It is a function of (start, left, right, out): start and out of shape (P, R, LANES), left (R, K)
    and right (P, K, LANES), all float32. It writes for the first `n_rows` and `n_panels`
    ``out[p, r] = start[p, r] + sum(left[r, k] * right[p, k])``, summed in ascending k with fused
    multiply-add on every processor, so that results are equal to the bit. `out` may be `start`.
    """
    places = [(panel, row) for row in range(n_rows) for panel in range(n_panels)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, left, right, out = read_arrays(context, builder, signature, arguments)
        sums = {place: cgutils.alloca_once(builder, _FLOATS) for place in places}
        for place in places:
            builder.store(start.load(_FLOATS, *place), sums[place])
        with cgutils.for_range(builder, left.shape[1]) as loop:
            # If `left` is transposed, its rows are adjacent in memory: this is what the tile after
            # the next one reads.
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
