import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.two_layer_net.products import parts
from hpsearch.trainers.two_layer_net.products.parts import cut_evenly, share_out
from hpsearch.trainers.two_layer_net.products.vectors import LANES

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 4), st.just(LANES))


@given(shape=SHAPES, n_shares=st.integers(1, 4), largest=st.sampled_from([1, 200, 500, 10_000]))
def test_parts_cover_each_weight_once(shape: tuple[int, ...], n_shares: int, largest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LARGEST", largest)
        shares = share_out(shape, n_shares)
        alone = share_out(shape, 1)
    n_parts = sum(map(len, shares))
    assert len(shares) == min(n_shares, n_parts)
    assert [part.number for part in alone[0]] == list(range(n_parts))
    places = {part.number: part.place for part in itertools.chain(*shares)}
    assert places == {part.number: part.place for part in alone[0]}
    seen = np.zeros(shape, np.int64)
    for part in itertools.chain(*shares):
        seen[part.blocks, part.panels] += 1
        seen.reshape(-1)[part.place] += 1
        assert part.gradient.shape == seen[part.blocks, part.panels].shape
        assert part.gradient.size == part.place.stop - part.place.start
        assert np.shares_memory(part.gradient, part.flat_gradient)
        assert part.gradient.size <= max(largest, shape[2] * LANES)
    assert np.all(seen == 2)


def test_fewer_parts_than_threads_are_fewer_shares() -> None:
    assert [len(share) for share in share_out((1, 2, 3, LANES), 2)] == [1]


def test_shares_are_balanced_and_do_not_share_memory() -> None:
    one, other = share_out((12, 32, 256, LANES), 2)
    sizes = [sum(part.gradient.size for part in share) for share in (one, other)]
    assert sizes[0] == sizes[1]
    assert all(np.shares_memory(one[0].gradient, part.gradient) for part in one)
    assert not any(np.shares_memory(one[0].gradient, part.gradient) for part in other)


@given(n=st.integers(1, 50), n_pieces=st.integers(1, 60))
def test_slices_are_even_and_at_most_as_many_as_requested(n: int, n_pieces: int) -> None:
    pieces = cut_evenly(n, n_pieces)
    assert [i for piece in pieces for i in range(n)[piece]] == list(range(n))
    assert len(pieces) <= n_pieces
    assert len({piece.stop - piece.start for piece in pieces[:-1]}) <= 1
