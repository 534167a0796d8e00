"""A corner of a product of bytes and whole numbers of 24 bits: exact sums, kept in registers.

One instruction of AVX-512 VNNI multiplies four bytes by four others in each lane and adds all to
a sum of 32 bits: 64 multiplications, where one in float32 does 16. AVX-VNNI has it half as long,
as AVX2 has float32's. A number of 24 bits takes three of them, one for each of its bytes.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hpsearch.training.products.vectors import (
    FLOAT,
    LANES,
    WORD,
    fill,
    fma,
    read_arrays,
    spread,
    vector_of,
)
from hpsearch.training.target import VNNI

__all__ = [
    "BYTES",
    "CAN_MULTIPLY_BYTES",
    "MOST_BYTES",
    "PLANES",
    "TALL",
    "add_products",
    "join_planes",
    "make_integer_tile",
]

# Lanes of the instruction: all, or half of them (AVX-VNNI); 0 where there is none.
_AT_ONCE = {"AVX-512 VNNI": LANES, "AVX-VNNI": LANES // 2, None: 0}[VNNI]
CAN_MULTIPLY_BYTES = _AT_ONCE > 0
BYTES = 4  # of a word, multiplied at once
PLANES = 3  # bytes of a number, each in words of its own, the lowest first
# Rows of a tile: with PLANES sums each, as many as leave registers for what is added.
TALL = 8 if _AT_ONCE == LANES else 2
MOST_BYTES = 2**31 // (255 * 128)  # whose products a sum can hold

_WORDS, _FLOATS = vector_of(WORD), vector_of(FLOAT)


def make_integer_tile(n_rows: int) -> Callable[..., None]:
    """A function of (left, right, scales, factors, offsets, out), to be called in compiled loops.

    It takes left (R, K), right (PLANES, K, LANES), scales and offsets (LANES,), factors (R,) and
    out (R, LANES). Words of left are four bytes from 0 to 255, those of right four from -128 to
    127. It writes for the first `n_rows` of out ``out[r] = scales * sum(left[r, k, byte] *
    256**plane * right[plane, k, byte]) + factors[r] * offsets``. Each plane's sum is exact if it
    is of MOST_BYTES at most.
    """
    places = [(row, plane) for row in range(n_rows) for plane in range(PLANES)]
    # Of rows and planes the fewer stay in registers while the others pass by.
    passing_by = sorted(places, key=lambda place: place if n_rows > PLANES else place[::-1])

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right, scales, factors, offsets, out = read_arrays(
            context, builder, signature, arguments
        )
        sums = {place: cgutils.alloca_once(builder, _WORDS) for place in places}
        for place in places:
            builder.store(fill(WORD, 0), sums[place])
        with cgutils.for_range(builder, left.shape[1]) as loop:
            load_four = cache(lambda row: spread(builder, left.load(WORD, row, loop.index)))
            load_plane = cache(lambda plane: right.load(_WORDS, plane, loop.index))
            for row, plane in passing_by:
                place = sums[row, plane]
                total = builder.load(place)
                total = add_products(builder, total, load_four(row), load_plane(plane))
                builder.store(total, place)
        scale, offset = scales.load(_FLOATS, 0), offsets.load(_FLOATS, 0)
        for row in range(n_rows):
            total = join_planes(builder, [sums[row, plane] for plane in range(PLANES)])
            start = builder.fmul(spread(builder, factors.load(FLOAT, row)), offset)
            out.store(fma(builder, total, scale, start), row)
        return context.get_dummy_value()

    @intrinsic
    def tile(
        _: Any, left: Any, right: Any, scales: Any, factors: Any, offsets: Any, out: Any
    ) -> Any:
        return types.void(left, right, scales, factors, offsets, out), generate

    return tile


def join_planes(builder: Any, sums: list[Any]) -> Any:
    """The sums of all planes, kept in memory, as one float32 in each lane."""
    total = fill(FLOAT, 0.0)
    for place in reversed(sums):
        plane = builder.sitofp(builder.load(place), _FLOATS)
        total = fma(builder, total, fill(FLOAT, 256.0), plane)
    return total


def add_products(builder: Any, sums: Any, four: Any, others: Any) -> Any:
    """To each lane of `sums` the products of its bytes of `four` and of `others`."""
    if CAN_MULTIPLY_BYTES:
        some = ir.VectorType(WORD, _AT_ONCE)
        kind = ir.FunctionType(some, [some] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{32 * _AT_ONCE}"  # so called for AVX-VNNI too
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        if _AT_ONCE == LANES:
            return builder.call(function, [sums, four, others])
        halves = [
            builder.call(function, [_take(builder, one, first) for one in (sums, four, others)])
            for first in (0, _AT_ONCE)
        ]
        return builder.shuffle_vector(*halves, ir.Constant(_WORDS, list(range(LANES))))
    for byte in range(BYTES):  # slow, but the same
        unsigned = builder.and_(builder.lshr(four, fill(WORD, 8 * byte)), fill(WORD, 255))
        raised = builder.shl(others, fill(WORD, 8 * (BYTES - 1 - byte)))
        signed = builder.ashr(raised, fill(WORD, 8 * (BYTES - 1)))
        sums = builder.add(sums, builder.mul(unsigned, signed))
    return sums


def _take(builder: Any, vector: Any, first: int) -> Any:
    """Lanes of a vector from `first` on, as many as are multiplied at once."""
    lanes = ir.Constant(ir.VectorType(WORD, _AT_ONCE), list(range(first, first + _AT_ONCE)))
    return builder.shuffle_vector(vector, vector, lanes)
