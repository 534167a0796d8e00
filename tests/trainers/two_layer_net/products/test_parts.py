import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.products import parts
from hpsearch.trainers.two_layer_net.products.parts import cut_into_parts
from hpsearch.trainers.two_layer_net.products.vectors import LANES

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 4), st.just(LANES))


@given(shape=SHAPES, largest=st.sampled_from([1, 200, 500, 10_000]))
def test_parts_cover_each_weight_once(shape: tuple[int, ...], largest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LARGEST", largest)
        found = cut_into_parts(shape)
    assert [part.number for part in found] == list(range(len(found)))
    seen = np.zeros(shape, np.int64)
    for part in found:
        seen[part.blocks, part.panels] += 1
        seen.reshape(-1)[part.place] += 1
        assert part.gradient.shape == seen[part.blocks, part.panels].shape
        assert part.gradient.size == part.place.stop - part.place.start
        assert np.shares_memory(part.gradient, part.flat_gradient)
        assert part.gradient.size <= max(largest, shape[2] * LANES)
    assert np.all(seen == 2)


def test_gradients_of_parts_share_one_piece_of_memory() -> None:
    first, *others = cut_into_parts((12, 32, 256, LANES))
    assert others
    assert all(np.shares_memory(first.gradient, part.gradient) for part in others)
