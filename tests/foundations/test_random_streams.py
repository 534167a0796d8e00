from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from hpsearch.foundations.random_streams import Stream, seed_stream

small = st.integers(0, 3)
numbers = st.one_of(small, st.integers(0, 2**32 - 1))
streams = st.tuples(
    st.one_of(small, st.integers(0, 2**63 - 1)),
    st.sampled_from(Stream),
    st.lists(numbers, max_size=3).map(tuple),
)


def _draw(seed: int, stream: Stream, indices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(int, seed_stream(seed, stream, *indices).generate_state(4)))


@given(st.lists(streams, min_size=2, max_size=40, unique=True))
@example([(0, Stream.TRAINING, ()), (0, Stream.TRAINING, (0,)), (0, Stream.TRAINING, (0, 0))])
@example([(7, Stream.TRAINING, (1,)), (7, Stream.CONFIRMATION, ()), (1, Stream.TRAINING, (7,))])
def test_no_two_streams_draw_the_same(several: list[Any]) -> None:
    """Of neither another purpose nor another trial, and index 0 is not the same as no index."""
    assert len({_draw(*one) for one in several}) == len(several)


def test_all_streams_of_small_seeds_and_indices_differ() -> None:
    indices = [()] + [(i,) for i in range(20)] + [(i, k) for i in range(20) for k in range(3)]
    drawn = [_draw(seed, one, more) for seed in range(4) for one in Stream for more in indices]
    assert len(set(drawn)) == len(drawn)


def test_a_stream_is_the_same_whenever_it_is_drawn() -> None:
    assert _draw(7, Stream.TRAINING, (3,)) == _draw(7, Stream.TRAINING, (3,))


def test_seeds_spawned_from_a_stream_are_those_with_a_further_index() -> None:
    """As folds have them."""
    first, second = seed_stream(7, Stream.TRAINING, 3).spawn(2)
    for index, spawned in enumerate((first, second)):
        expected = seed_stream(7, Stream.TRAINING, 3, index)
        assert np.array_equal(spawned.generate_state(4), expected.generate_state(4))


def test_numbers_of_streams_stay_as_results_depend_on_them() -> None:
    assert {one.name: one.value for one in Stream} == {
        "TRAINING": 0,
        "CONFIRMATION": 1,
        "REFIT": 2,
        "PROPOSAL": 3,
        "QMC_SCRAMBLING": 4,
        "GRID_ORDER": 5,
    }
