"""A corner of a matrix product whose sums stay in a processor's registers until they are done.

That is what makes a product quick, and what cannot be said in NumPy or in a compiled loop:
those leave to a compiler which numbers it keeps where. Goto & van de Geijn 2008, section 4.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

__all__ = ["LANES", "TALL", "WIDE", "make_tile"]

# Neighbours that are worked on at once: what a register holds with AVX-512, two hold with AVX2
# and four with NEON.
LANES = 16
_FEATURES = cpu_target.target_context.codegen().magic_tuple()[2]  # of what numba compiles for
# Rows and panels of a tile: as many sums as leave registers for what is added to them.
TALL, WIDE = (12, 2) if "+avx512f" in _FEATURES else (6, 1)


def make_tile(n_rows: int, n_panels: int) -> Callable[..., None]:
    """A function of (start, left, right, out), to be called in compiled loops.

    It takes start and out of shape (P, R, LANES), left (R, K) and right (P, K, LANES), and writes
    for the first `n_rows` and `n_panels` of out, in the order of k, ``out[p, r] = start[p, r] +
    sum(left[r, k] * right[p, k])``. Each product is added without being rounded before, whatever
    the processor, so that all have the same bits. `out` may be `start`.
    """
    lanes = ir.VectorType(ir.FloatType(), LANES)
    byte_pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    every_lane = ir.Constant(ir.VectorType(word, LANES), [0] * LANES)
    places = [(row, panel) for row in range(n_rows) for panel in range(n_panels)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        n_products = cgutils.unpack_tuple(builder, arrays[1].shape)[1]
        start, left, right, out = (builder.ptrtoint(array.data, ir.IntType(64)) for array in arrays)
        strides = [cgutils.unpack_tuple(builder, array.strides) for array in arrays]
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(lanes, [lanes] * 3), f"llvm.fma.v{LANES}f32"
        )
        prefetch = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte_pointer, word, word, word]),
            "llvm.prefetch.p0",
        )

        def move(address: Any, stride: Any, times: Any) -> Any:
            times = ir.Constant(stride.type, times) if isinstance(times, int) else times
            return builder.add(address, builder.mul(stride, times))

        def point(kind: Any, address: Any) -> Any:
            return builder.inttoptr(address, kind.as_pointer())

        def load(kind: Any, address: Any) -> Any:
            return builder.load(point(kind, address), align=4)

        def find(array: Any, stride: Any, row: int, panel: int) -> Any:
            return move(move(array, stride[0], panel), stride[1], row)

        sums = {}
        for place in places:
            sums[place] = cgutils.alloca_once(builder, lanes)
            builder.store(load(lanes, find(start, strides[0], *place)), sums[place])
        with cgutils.for_range(builder, n_products) as loop:
            left_now = move(left, strides[1][1], loop.index)
            right_now = move(right, strides[2][1], loop.index)
            # If left is transposed, what the tile after the next one reads lies right of this.
            ahead = point(ir.IntType(8), move(left_now, strides[1][0], 2 * n_rows))
            builder.call(prefetch, [ahead, *(ir.Constant(word, flag) for flag in (0, 2, 1))])
            vectors = [load(lanes, move(right_now, strides[2][0], p)) for p in range(n_panels)]
            for row in range(n_rows):
                number = load(ir.FloatType(), move(left_now, strides[1][0], row))
                first = builder.insert_element(
                    ir.Constant(lanes, ir.Undefined), number, ir.Constant(word, 0)
                )
                spread = builder.shuffle_vector(first, first, every_lane)
                for panel, vector in enumerate(vectors):
                    total = builder.load(sums[row, panel])
                    builder.store(builder.call(fma, [spread, vector, total]), sums[row, panel])
        for place in places:
            target = point(lanes, find(out, strides[3], *place))
            builder.store(builder.load(sums[place]), target, align=4)
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, start: Any, left: Any, right: Any, out: Any) -> Any:
        return types.void(start, left, right, out), generate

    return tile
