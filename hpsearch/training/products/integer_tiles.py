"""A corner of a product of bytes and whole numbers of 24 bits: exact sums, kept in registers.

One instruction of AVX-512 VNNI multiplies four bytes by four others in each lane and adds all to
a sum of 32 bits: 64 multiplications, where one in float32 does 16. A number of 24 bits takes three
of them, one for each of its bytes.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hpsearch.training.products.vectors import (
    FEATURES,
    FLOAT,
    WORD,
    fill,
    fma,
    read_arrays,
    spread,
    vector_of,
)

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

CAN_MULTIPLY_BYTES = "+avx512vnni" in FEATURES
BYTES = 4  # of a word, multiplied at once
PLANES = 3  # bytes of a number, each in words of its own, the lowest first
TALL = 8  # rows of a tile: with PLANES sums each, as many as leave registers for what is added
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

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right, scales, factors, offsets, out = read_arrays(
            context, builder, signature, arguments
        )
        sums = {place: cgutils.alloca_once(builder, _WORDS) for place in places}
        for place in places:
            builder.store(fill(WORD, 0), sums[place])
        with cgutils.for_range(builder, left.shape[1]) as loop:
            planes = [right.load(_WORDS, plane, loop.index) for plane in range(PLANES)]
            for row in range(n_rows):
                four = spread(builder, left.load(WORD, row, loop.index))
                for plane, others in enumerate(planes):
                    place = sums[row, plane]
                    builder.store(add_products(builder, builder.load(place), four, others), place)
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
        kind = ir.FunctionType(_WORDS, [_WORDS] * 3)
        name = "llvm.x86.avx512.vpdpbusd.512"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [sums, four, others])
    for byte in range(BYTES):  # slow, but the same
        unsigned = builder.and_(builder.lshr(four, fill(WORD, 8 * byte)), fill(WORD, 255))
        raised = builder.shl(others, fill(WORD, 8 * (BYTES - 1 - byte)))
        signed = builder.ashr(raised, fill(WORD, 8 * (BYTES - 1)))
        sums = builder.add(sums, builder.mul(unsigned, signed))
    return sums
