"""Vectors of LANES numbers, the operands of the generated inner loops.

The inner loops are numba intrinsics: numba's compiled loops call them like functions, but their
bodies are LLVM's intermediate code, generated here with llvmlite. A `generate` function runs once
per compilation. Each method of `builder` appends one instruction and returns a handle of its
result; a Python loop appends its instructions once per iteration, so it is unrolled, and
`cgutils.for_range` makes a loop of the generated code. A handle is assigned once: a variable that
changes in a loop is a stack slot (`cgutils.alloca_once`) with `load` and `store`, which LLVM
replaces by a register as long as there are enough.
"""

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

# Numbers in a vector: one register with AVX-512, two with AVX2, four with NEON.
LANES = 16

FLOAT, WORD = ir.FloatType(), ir.IntType(32)
_BYTE = ir.IntType(8)


def vector_of(kind: Any) -> Any:
    """Return the type of a vector of LANES numbers of type `kind`."""
    return ir.VectorType(kind, LANES)


class Array:
    """An array argument of an intrinsic, accessed by index without bounds checks."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self._builder = builder
        self._start = builder.ptrtoint(array.data, ir.IntType(64))
        self._strides = cgutils.unpack_tuple(builder, array.strides)
        self.shape = cgutils.unpack_tuple(builder, array.shape)

    def load(self, kind: Any, *indices: Any) -> Any:
        """Load a value of type `kind`, a number or a vector, at the first axes' `indices`."""
        return self._builder.load(self._find(kind, *indices), align=4)

    def store(self, value: Any, *indices: Any) -> None:
        """Store `value` at the first axes' `indices`."""
        self._builder.store(value, self._find(value.type, *indices), align=4)

    def prefetch(self, *indices: Any) -> None:
        """Prefetch from `indices` into the L2 cache; they may be out of bounds."""
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), WORD, WORD, WORD])
        function = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.prefetch.p0")
        to_read, second_cache, data = (ir.Constant(WORD, flag) for flag in (0, 2, 1))
        self._builder.call(function, [self._find(_BYTE, *indices), to_read, second_cache, data])

    def _find(self, kind: Any, *indices: Any) -> Any:
        # Trailing axes without an index are contiguous: a vector is loaded from there.
        address = self._start
        for index, stride in zip(indices, self._strides, strict=False):
            times = ir.Constant(stride.type, index) if isinstance(index, int) else index
            address = self._builder.add(address, self._builder.mul(stride, times))
        return self._builder.inttoptr(address, kind.as_pointer())


def read_arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Array]:
    """Wrap the arguments of an intrinsic, all of them arrays."""
    return [
        Array(context, builder, kind, value)
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def fill(kind: Any, value: float) -> Any:
    """Return a constant vector with `value` in every lane."""
    return ir.Constant(vector_of(kind), [value] * LANES)


def spread(builder: Any, number: Any) -> Any:
    """Broadcast `number` to every lane."""
    nothing = ir.Constant(vector_of(number.type), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, first, ir.Constant(vector_of(WORD), [0] * LANES))


def fma(builder: Any, one: Any, other: Any, total: Any) -> Any:
    """Return one * other + total in each lane, rounded once (fused multiply-add)."""
    kind = ir.FunctionType(one.type, [one.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
    return builder.call(function, [one, other, total])
