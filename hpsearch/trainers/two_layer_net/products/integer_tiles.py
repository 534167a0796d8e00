"""Inner loop of an integer matrix product: bytes times 24-bit integers, with exact sums.

The instruction is VPDPBUSD, of the extension VNNI: in each 32-bit lane of a register it multiplies
four unsigned bytes by four signed bytes and adds the four products to a 32-bit sum. With 16 lanes
(AVX-512 VNNI) these are 64 multiplications, where one instruction in float32 does 16. AVX-VNNI has
8 lanes, as AVX2 has for float32.

A 24-bit integer n is split into three signed bytes, n = n0 + 256 * n1 + 256**2 * n2. A product of
matrices is then three products of bytes, one for each "plane" n0, n1 and n2, whose sums stay in
registers and are combined at the end with the weights 1, 256 and 256**2. That is three instructions
for 64 multiplications, where float32 takes four.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hpsearch.trainers.two_layer_net.products.vectors import (
    FLOAT,
    LANES,
    WORD,
    fill,
    fma,
    read_arrays,
    spread,
    vector_of,
)
from hpsearch.trainers.two_layer_net.target import VNNI

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

# Lanes of the instruction: a vector's 16, or half of them; 0 if the processor lacks it.
_AT_ONCE = {"AVX-512 VNNI": LANES, "AVX-VNNI": LANES // 2, None: 0}[VNNI]
CAN_MULTIPLY_BYTES = _AT_ONCE > 0
BYTES = 4  # in a word, which is the 32 bits of a lane
PLANES = 3  # bytes of an integer, lowest first; a word holds bytes of one plane
# Rows of a tile. Their sums, PLANES for each row, take 24 of AVX-512's 32 registers, or 12 of 16
# with AVX-VNNI (two for each vector); the others are needed for the operands.
TALL = 8 if _AT_ONCE == LANES else 2
MOST_BYTES = 2**31 // (255 * 128)  # products of bytes that fit into a 32-bit sum

_WORDS, _FLOATS = vector_of(WORD), vector_of(FLOAT)


def make_integer_tile(n_rows: int) -> Callable[..., None]:
    """Return the inner loop for `n_rows` rows of the result, for use in compiled loops.

    It is a function of (left, right, scales, factors, offsets, out): left (R, K) and right
    (PLANES, K, LANES) of int32 words, scales and offsets (LANES,), factors (R,) and out (R, LANES)
    of float32. A word of left holds four bytes from 0 to 255, one of right four from -128 to 127.
    For the first `n_rows` of out it writes ``out[r] = scales * sum(left[r, k, byte] * 256**plane *
    right[plane, k, byte]) + factors[r] * offsets``. The sum of a plane is exact if it has at most
    MOST_BYTES terms.
    """
    places = [(row, plane) for row in range(n_rows) for plane in range(PLANES)]
    # In each iteration over k, a word of left is loaded once per row, and of right once per plane
    # (the caches below). With this order all operands of the smaller set, rows or planes, are in
    # registers at once, but only one of the larger.
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
    """Return sum(256**plane * sums[plane]) in float32; `sums` are stack slots, lowest first."""
    total = fill(FLOAT, 0.0)
    for place in reversed(sums):
        plane = builder.sitofp(builder.load(place), _FLOATS)
        total = fma(builder, total, fill(FLOAT, 256.0), plane)
    return total


def add_products(builder: Any, sums: Any, four: Any, others: Any) -> Any:
    """Return `sums` plus the dot product of four bytes by four, in each lane.

    The bytes of `four` are unsigned, those of `others` signed.
    """
    if CAN_MULTIPLY_BYTES:
        some = ir.VectorType(WORD, _AT_ONCE)
        kind = ir.FunctionType(some, [some] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{32 * _AT_ONCE}"  # LLVM's name for AVX-VNNI too
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        if _AT_ONCE == LANES:
            return builder.call(function, [sums, four, others])
        halves = [
            builder.call(function, [_take(builder, one, first) for one in (sums, four, others)])
            for first in (0, _AT_ONCE)
        ]
        return builder.shuffle_vector(*halves, ir.Constant(_WORDS, list(range(LANES))))
    # Without the instruction: slow, but with the same results.
    for byte in range(BYTES):
        unsigned = builder.and_(builder.lshr(four, fill(WORD, 8 * byte)), fill(WORD, 255))
        # Shifted to the top and back down with its sign (an arithmetic shift).
        raised = builder.shl(others, fill(WORD, 8 * (BYTES - 1 - byte)))
        signed = builder.ashr(raised, fill(WORD, 8 * (BYTES - 1)))
        sums = builder.add(sums, builder.mul(unsigned, signed))
    return sums


def _take(builder: Any, vector: Any, first: int) -> Any:
    """Return the _AT_ONCE lanes of a vector from `first` on."""
    lanes = ir.Constant(ir.VectorType(WORD, _AT_ONCE), list(range(first, first + _AT_ONCE)))
    return builder.shuffle_vector(vector, vector, lanes)
