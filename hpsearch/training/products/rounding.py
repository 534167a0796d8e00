"""Numbers in panels rounded to whole numbers of 24 bits, with a scale for each unit.

Rounding changes a number by less than 2 ** -22 of its unit's largest. A sum of products is then
nearer to the exact one than float32 comes with its own rounding, of each number added.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from hpsearch.training.compiling import compiled
from hpsearch.training.products.integer_tiles import BYTES, PLANES, add_products, join_planes
from hpsearch.training.products.layout import zero_words, zeros
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

__all__ = ["Rounded", "round_panels"]

Float32 = NDArray[np.float32]
Words = NDArray[np.int32]

# Each byte is from -128 to 127. The largest number leaves room above, as a product with its scale
# may have been rounded upwards.
_LARGEST = 127 * 256 ** (PLANES - 1)
# A unit whose numbers are all smaller counts as 0: its scale would no longer be a normal number.
_LEAST = np.float32(1e-30)
_SIZE_BITS = 0x7FFFFFFF  # of a float32: all but its sign

_WORDS, _FLOATS = vector_of(WORD), vector_of(FLOAT)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Panels of rounded numbers, packed as an integer product reads them.

    Parameters
    ----------
    words : int32 array, shape (P, PLANES, B, S, LANES)
        A byte of four rows' numbers in each.
    scales : float32 array, shape (P, LANES)
        What a unit's whole numbers must be multiplied by.
    sums : float32 array, shape (P, LANES)
        A unit's rounded numbers, each times a factor of its row, added up.
    """

    words: Words
    scales: Float32
    sums: Float32

    @classmethod
    def room(cls, n_panels: int, n_blocks: int, size: int) -> "Rounded":
        """For `n_blocks` of `size` rows each; they are filled up to whole vectors of bytes."""
        n_words = math.ceil(size / LANES) * LANES // BYTES
        words = zero_words((n_panels, PLANES, n_blocks, n_words, LANES))
        return cls(words, zeros((n_panels, LANES)), zeros((n_panels, LANES)))

    def __getitem__(self, panels: slice) -> "Rounded":
        """Some of the panels, shared."""
        return Rounded(self.words[panels], self.scales[panels], self.sums[panels])

    def take(self, panels: Float32, factors: Words, rests: Float32) -> None:
        """Round `panels`.

        What is not finite leaves its unit's scale not a number, or infinite.

        Parameters
        ----------
        panels : float32 array, shape (B, P, K, LANES)
            In blocks and panels.
        factors : int32 array, shape (B, S)
            For the sums: a byte from 0 to 255 for each row.
        rests : float32 array, shape (B, K)
            What is added to it.
        """
        round_panels(panels, factors, rests, self.words, self.scales, self.sums)


def _type_find_largest(_: Any, rows: Any, largest: Any) -> Any:
    """Of `rows` (K, LANES) and `largest` (LANES,) the largest sizes, to `largest`.

    Compared as bits: what is infinite is larger than all numbers, and what is none larger still.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, largest = read_arrays(context, builder, signature, arguments)
        found = cgutils.alloca_once_value(builder, largest.load(_WORDS, 0))
        maximum = ir.FunctionType(_WORDS, [_WORDS] * 2)
        larger = cgutils.get_or_insert_function(builder.module, maximum, f"llvm.umax.v{LANES}i32")
        with cgutils.for_range(builder, rows.shape[0]) as loop:
            size = builder.and_(rows.load(_WORDS, loop.index), fill(WORD, _SIZE_BITS))
            builder.store(builder.call(larger, [builder.load(found), size]), found)
        largest.store(builder.load(found), 0)
        return context.get_dummy_value()

    return types.void(rows, largest), generate


def _type_pack_rows(
    _: Any, rows: Any, factors: Any, rests: Any, per_scale: Any, words: Any, sums: Any
) -> Any:
    """Round `rows` (K, LANES) times `per_scale` (LANES,), four to each of `words`.

    Those are of shape (PLANES, S, LANES); S is K / 4 or more. Each whole number times its row's
    factor is added to `sums` (LANES,): a byte of `factors` (S,) and a number of `rests` (K,), added
    up.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, factors, rests, per_scale, words, sums = read_arrays(
            context, builder, signature, arguments
        )
        scale, no_scale = per_scale.load(_FLOATS, 0), fill(FLOAT, 0.0)
        rest_sum = cgutils.alloca_once(builder, _FLOATS)
        plane_sums = [cgutils.alloca_once(builder, _WORDS) for _ in range(PLANES)]
        for place in (rest_sum, *plane_sums):
            builder.store(ir.Constant(place.type.pointee, None), place)
        n_rows = rows.shape[0]
        number_of = partial(ir.Constant, n_rows.type)
        n_words = builder.udiv(builder.add(n_rows, number_of(BYTES - 1)), number_of(BYTES))
        last = builder.sub(n_rows, number_of(1))
        with cgutils.for_range(builder, n_words) as loop:
            planes = [fill(WORD, 0)] * PLANES
            for byte in range(BYTES):
                k = builder.add(builder.mul(loop.index, number_of(BYTES)), number_of(byte))
                # A word that is not full is filled up with the last row times 0.
                is_row = builder.icmp_unsigned("<=", k, last)
                k = builder.select(is_row, k, last)
                times = builder.select(is_row, scale, no_scale)
                whole = _round(builder, builder.fmul(rows.load(_FLOATS, k), times))
                rest = spread(builder, rests.load(FLOAT, k))
                builder.store(fma(builder, rest, whole, builder.load(rest_sum)), rest_sum)
                number = builder.fptosi(whole, _WORDS)
                for plane in range(PLANES):
                    bits = _put_byte(builder, number, plane, byte)
                    planes[plane] = builder.or_(planes[plane], bits)
            of_rows = spread(builder, factors.load(WORD, loop.index))
            for plane, (word, place) in enumerate(zip(planes, plane_sums, strict=True)):
                words.store(word, plane, loop.index)
                builder.store(add_products(builder, builder.load(place), of_rows, word), place)
        total = builder.fadd(join_planes(builder, plane_sums), builder.load(rest_sum))
        sums.store(builder.fadd(sums.load(_FLOATS, 0), total), 0)
        return context.get_dummy_value()

    return types.void(rows, factors, rests, per_scale, words, sums), generate


def _round(builder: Any, numbers: Any) -> Any:
    """The nearest whole numbers, still as float32."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS])
    rint = cgutils.get_or_insert_function(builder.module, kind, f"llvm.rint.v{LANES}f32")
    return builder.call(rint, [numbers])


def _put_byte(builder: Any, numbers: Any, plane: int, byte: int) -> Any:
    """Words whose byte `byte` is the numbers' byte `plane`, from -128 to 127; the others are 0."""
    # Lower bytes of 128 and above count as negative, so that they raise this one.
    raised = builder.add(numbers, fill(WORD, sum(128 * 256**lower for lower in range(plane))))
    bits = builder.and_(builder.lshr(raised, fill(WORD, 8 * plane)), fill(WORD, 255))
    return builder.shl(bits, fill(WORD, 8 * byte))


_find_largest = cast(Callable[..., None], intrinsic(_type_find_largest))
_pack_rows = cast(Callable[..., None], intrinsic(_type_pack_rows))


@compiled(
    "void(float32[:, :, :, :], int32[:, ::1], float32[:, ::1], int32[:, :, :, :, ::1],"
    " float32[:, ::1], float32[:, ::1])"
)
def round_panels(
    panels: Float32, factors: Words, rests: Float32, words: Words, scales: Float32, sums: Float32
) -> None:
    """`Rounded.take`, for compiled loops."""
    n_blocks, n_panels = panels.shape[:2]
    per_scale = np.empty(LANES, np.float32)
    for p in range(n_panels):
        scale, total = scales[p], sums[p]
        for lane in range(LANES):
            scale[lane], total[lane] = 0, 0
        for block in range(n_blocks):
            _find_largest(panels[block, p], scale)
        for lane in range(LANES):
            largest = np.float32(0) if scale[lane] < _LEAST else scale[lane]
            per_scale[lane] = 0 if largest == 0 else np.float32(_LARGEST) / largest
            scale[lane] = largest / np.float32(_LARGEST)
        for block in range(n_blocks):
            room = words[p, :, block]
            _pack_rows(panels[block, p], factors[block], rests[block], per_scale, room, total)
        for lane in range(LANES):
            total[lane] *= scale[lane]
