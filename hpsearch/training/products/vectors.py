"""What tiles are made of: vectors of LANES numbers, loaded from arrays and worked on as one."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils

__all__ = [
    "FLOAT",
    "LANES",
    "WORD",
    "Array",
    "fill",
    "fma",
    "read_arrays",
    "spread",
    "vector_of",
]

# Neighbours that are worked on at once: what a register holds with AVX-512, two hold with AVX2
# and four with NEON.
LANES = 16

FLOAT, WORD = ir.FloatType(), ir.IntType(32)
_BYTE = ir.IntType(8)


def vector_of(kind: Any) -> Any:
    """The type of LANES numbers of type `kind`."""
    return ir.VectorType(kind, LANES)


class Array:
    """An array that a compiled loop passes on."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
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
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), WORD, WORD, WORD])
        function = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.prefetch.p0")
        to_read, second_cache, data = (ir.Constant(WORD, flag) for flag in (0, 2, 1))
        self._builder.call(function, [self._find(_BYTE, *indices), to_read, second_cache, data])

    def _find(self, kind: Any, *indices: Any) -> Any:
        address = self._start
        for index, stride in zip(indices, self._strides, strict=False):
            times = ir.Constant(stride.type, index) if isinstance(index, int) else index
            address = self._builder.add(address, self._builder.mul(stride, times))
        return self._builder.inttoptr(address, kind.as_pointer())


def read_arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Array]:
    """The arrays that a compiled loop passes to an intrinsic."""
    return [
        Array(context, builder, kind, value)
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def fill(kind: Any, value: float) -> Any:
    """A constant in every lane."""
    return ir.Constant(vector_of(kind), [value] * LANES)


def spread(builder: Any, number: Any) -> Any:
    """`number` in every lane."""
    nothing = ir.Constant(vector_of(number.type), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, first, ir.Constant(vector_of(WORD), [0] * LANES))


def fma(builder: Any, one: Any, other: Any, total: Any) -> Any:
    """One * other + total, rounded once."""
    kind = ir.FunctionType(one.type, [one.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
    return builder.call(function, [one, other, total])
