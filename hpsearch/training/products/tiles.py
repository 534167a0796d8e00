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

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_WORD = ir.IntType(32)
_POINTER = ir.IntType(8).as_pointer()


def make_tile(n_rows: int, n_panels: int) -> Callable[..., None]:
    """A function of (start, left, right, out), to be called in compiled loops.

    It takes start and out of shape (P, R, LANES), left (R, K) and right (P, K, LANES), and writes
    for the first `n_rows` and `n_panels` of out, in the order of k, ``out[p, r] = start[p, r] +
    sum(left[r, k] * right[p, k])``. Each product is added without being rounded before, whatever
    the processor, so that all have the same bits. `out` may be `start`.
    """
    places = [(panel, row) for row in range(n_rows) for panel in range(n_panels)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start, left, right, out = (
            _Array(builder, context.make_array(kind)(context, builder, value))
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        sums = {place: cgutils.alloca_once(builder, _VECTOR) for place in places}
        for place in places:
            builder.store(start.load(_VECTOR, *place), sums[place])
        with cgutils.for_range(builder, left.shape[1]) as loop:
            # If left is transposed, what the tile after the next one reads lies right of this.
            left.prefetch(2 * n_rows, loop.index)
            vectors = [right.load(_VECTOR, panel, loop.index) for panel in range(n_panels)]
            for row in range(n_rows):
                number = _spread(builder, left.load(ir.FloatType(), row, loop.index))
                for panel, vector in enumerate(vectors):
                    place = sums[panel, row]
                    builder.store(_fma(builder, number, vector, builder.load(place)), place)
        for place in places:
            out.store(builder.load(sums[place]), *place)
        return context.get_dummy_value()

    @intrinsic
    def tile(_: Any, start: Any, left: Any, right: Any, out: Any) -> Any:
        return types.void(start, left, right, out), generate

    return tile


class _Array:
    """An array that a compiled loop passes on."""

    def __init__(self, builder: Any, array: Any) -> None:
        self._builder = builder
        self._start = builder.ptrtoint(array.data, ir.IntType(64))
        self._strides = cgutils.unpack_tuple(builder, array.strides)
        self.shape = cgutils.unpack_tuple(builder, array.shape)

    def load(self, kind: Any, *indices: Any) -> Any:
        """What lies at the first axes' `indices`."""
        return self._builder.load(self._find(kind, *indices), align=4)

    def store(self, value: Any, *indices: Any) -> None:
        """Put `value` there."""
        self._builder.store(value, self._find(value.type, *indices), align=4)

    def prefetch(self, *indices: Any) -> None:
        """Have what lies there brought into the second cache, if there is anything."""
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _WORD, _WORD, _WORD])
        function = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.prefetch.p0")
        to_read, second_cache, data = (ir.Constant(_WORD, flag) for flag in (0, 2, 1))
        place = self._find(ir.IntType(8), *indices)
        self._builder.call(function, [place, to_read, second_cache, data])

    def _find(self, kind: Any, *indices: Any) -> Any:
        address = self._start
        for index, stride in zip(indices, self._strides, strict=False):
            times = ir.Constant(stride.type, index) if isinstance(index, int) else index
            address = self._builder.add(address, self._builder.mul(stride, times))
        return self._builder.inttoptr(address, kind.as_pointer())


def _spread(builder: Any, number: Any) -> Any:
    """`number` in every lane."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(_WORD, 0))
    return builder.shuffle_vector(
        first, first, ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES)
    )


def _fma(builder: Any, one: Any, other: Any, total: Any) -> Any:
    """One * other + total, rounded once."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
    return builder.call(function, [one, other, total])
