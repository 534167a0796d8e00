"""Conversion of panels to 24-bit integers with a scale for each unit, for integer products.

Rounding changes a number by less than 2**-22 of the largest magnitude among its unit's. A sum of
products is then closer to the exact one than in float32, which rounds after each addition.
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

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.products.integer_tiles import (
    BYTES,
    PLANES,
    add_products,
    join_planes,
)
from hpsearch.trainers.two_layer_net.products.layout import zero_words, zeros
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

__all__ = ["Rounded", "round_panels"]

Float32 = NDArray[np.float32]
Words = NDArray[np.int32]

# Largest integer. Signed bytes would allow a slightly larger one; the margin is needed because a
# number divided by its scale may be rounded upwards.
_LARGEST = 127 * 256 ** (PLANES - 1)
# A unit whose numbers are all smaller counts as 0: its scale would be a subnormal number.
_LEAST = np.float32(1e-30)
_SIZE_BITS = 0x7FFFFFFF  # magnitude of a float32: all bits but the sign

_WORDS, _FLOATS = vector_of(WORD), vector_of(FLOAT)


@dataclass(frozen=True, eq=False)
class Rounded:
    """Panels rounded to integers and packed for integer products: number = integer * scale.

    Parameters
    ----------
    words : int32 array, shape (P, PLANES, B, S, LANES)
        Each word holds one byte, that of the plane, of four consecutive rows' integers.
    scales : float32 array, shape (P, LANES)
        Of each unit.
    sums : float32 array, shape (P, LANES)
        Weighted sum over the rows of each unit's rounded numbers; see `take` for the weights.
    """

    words: Words
    scales: Float32
    sums: Float32

    @classmethod
    def allocate(cls, n_panels: int, n_blocks: int, size: int) -> "Rounded":
        """Allocate for `n_blocks` of `size` rows each, padded to a multiple of LANES rows."""
        n_words = math.ceil(size / LANES) * LANES // BYTES
        words = zero_words((n_panels, PLANES, n_blocks, n_words, LANES))
        return cls(words, zeros((n_panels, LANES)), zeros((n_panels, LANES)))

    def __getitem__(self, panels: slice) -> "Rounded":
        """Return a view of some of the panels."""
        return Rounded(self.words[panels], self.scales[panels], self.sums[panels])

    def take(self, panels: Float32, factors: Words, rests: Float32) -> None:
        """Round `panels` into this object's arrays.

        The scale of a unit whose numbers are not all finite becomes nan or infinite.

        Parameters
        ----------
        panels : float32 array, shape (B, P, K, LANES)
            In blocks and panels.
        factors : int32 array, shape (B, S)
            Integer part of each row's weight in `sums`: bytes from 0 to 255, four in a word.
        rests : float32 array, shape (B, K)
            The rest of each row's weight.
        """
        round_panels(panels, factors, rests, self.words, self.scales, self.sums)


def _type_find_largest(_: Any, rows: Any, largest: Any) -> Any:
    """Generate: raise `largest` (LANES,) to the largest magnitudes in `rows` (K, LANES).

    Magnitudes are compared by their bits as unsigned integers, which order floats of one sign by
    value, then inf, then nan: neither is lost, as nan would be in a comparison of floats.
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
    """Generate: round `rows` (K, LANES) times `per_scale` (LANES,), four to each of `words`.

    Those are of shape (PLANES, S, LANES); S is K / 4 or more. To `sums` (LANES,) are added the
    integers, each times its row's weight: a byte of `factors` (S,) plus a number of `rests` (K,).
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
                # The last word may have fewer than four rows: it is padded with 0 * the last row.
                is_row = builder.icmp_unsigned("<=", k, last)
                k = builder.select(is_row, k, last)
                times = builder.select(is_row, scale, no_scale)
                whole = _round(builder, builder.fmul(rows.load(_FLOATS, k), times))
                rest = spread(builder, rests.load(FLOAT, k))
                builder.store(fma(builder, rest, whole, builder.load(rest_sum)), rest_sum)
                # From here on the four rows' integers are taken apart and packed by planes.
                number = builder.fptosi(whole, _WORDS)
                for plane in range(PLANES):
                    bits = _put_byte(builder, number, plane, byte)
                    planes[plane] = builder.or_(planes[plane], bits)
            # The words are in registers now: this adds their weighted sum at little cost.
            of_rows = spread(builder, factors.load(WORD, loop.index))
            for plane, (word, place) in enumerate(zip(planes, plane_sums, strict=True)):
                words.store(word, plane, loop.index)
                builder.store(add_products(builder, builder.load(place), of_rows, word), place)
        total = builder.fadd(join_planes(builder, plane_sums), builder.load(rest_sum))
        sums.store(builder.fadd(sums.load(_FLOATS, 0), total), 0)
        return context.get_dummy_value()

    return types.void(rows, factors, rests, per_scale, words, sums), generate


def _round(builder: Any, numbers: Any) -> Any:
    """Round to the nearest integers, as float32."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS])
    rint = cgutils.get_or_insert_function(builder.module, kind, f"llvm.rint.v{LANES}f32")
    return builder.call(rint, [numbers])


def _put_byte(builder: Any, numbers: Any, plane: int, byte: int) -> Any:
    """Return words with byte `plane` of each number as their byte `byte`, and 0 elsewhere.

    The bytes of a number are signed: n = n0 + 256 * n1 + 256**2 * n2, each from -128 to 127.
    """
    # A byte of 128 or more, read as signed, is 256 less, so that 1 must be carried to the next
    # byte: adding 128 to each lower byte does that.
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
    """Round panels in compiled loops; for the arguments see `Rounded.take`."""
    n_blocks, n_panels = panels.shape[:2]
    per_scale = np.empty(LANES, np.float32)
    for p in range(n_panels):
        scale, total = scales[p], sums[p]
        for lane in range(LANES):
            scale[lane], total[lane] = 0, 0
        for block in range(n_blocks):
            _find_largest(panels[block, p], scale)
        for lane in range(LANES):
            # False for nan, which so becomes the unit's scale.
            largest = np.float32(0) if scale[lane] < _LEAST else scale[lane]
            per_scale[lane] = 0 if largest == 0 else np.float32(_LARGEST) / largest
            scale[lane] = largest / np.float32(_LARGEST)
        for block in range(n_blocks):
            buffer = words[p, :, block]
            _pack_rows(panels[block, p], factors[block], rests[block], per_scale, buffer, total)
        for lane in range(LANES):
            total[lane] *= scale[lane]
