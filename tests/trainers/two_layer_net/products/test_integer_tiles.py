import numpy as np

from hpsearch.trainers.two_layer_net.compiling import compiled
from hpsearch.trainers.two_layer_net.products.integer_tiles import (
    MOST_BYTES,
    PLANES,
    make_integer_tile,
)
from hpsearch.trainers.two_layer_net.products.vectors import LANES

_tile = make_integer_tile(1)


@compiled("void(int32[:, ::1], int32[:, :, ::1], float32[::1], float32[:, ::1])")
def _multiply(left, right, scales, out):
    _tile(left, right, scales, scales, scales, out)


def test_sums_of_the_largest_products_do_not_overflow() -> None:
    n_words = MOST_BYTES // 4
    left = np.full((1, n_words * 4), 255, np.uint8).view(np.int32)
    right = np.full((PLANES, n_words, LANES * 4), -128, np.int8).view(np.int32)
    out, scales = np.zeros((1, LANES), np.float32), np.full(LANES, 2.0**-20, np.float32)
    _multiply(left, right, scales, out)
    exact = -255 * 128 * n_words * 4 * (1 + 256 + 256**2)
    np.testing.assert_allclose(out, exact * 2.0**-20 + 2.0**-40, rtol=1e-6)
