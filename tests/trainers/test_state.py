"""A trainer's state survives the way to arrays and JSON, and nothing else is accepted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors import numpy as safetensors

from hpsearch.trainers.state import flatten_state, hash_state, unflatten_state

_KEYS = st.integers(-3, 3) | st.text(max_size=3)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.floats(allow_nan=False)
    | npst.arrays(st.sampled_from([np.uint8, np.int64, np.float32, np.float64]), (2, 1))
)
_STATES = st.dictionaries(
    _KEYS,
    st.recursive(
        _LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(_KEYS, inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@given(_STATES)
def test_a_state_is_restored_with_all_its_types(state):
    restored = unflatten_state(*flatten_state(state))
    assert _describe(restored) == _describe(state)


def test_scalars_of_numpy_stay_scalars_and_nan_stays_nan():
    state = {"rate": np.float32(0.1), "loss": float("nan"), "limit": float("-inf")}
    restored = unflatten_state(*flatten_state(state))
    assert isinstance(restored["rate"], np.float32)
    assert restored["rate"] == state["rate"]
    assert np.isnan(restored["loss"])
    assert restored["limit"] == -np.inf


def test_keys_with_dots_do_not_collide_with_nested_ones():
    state = {"a": {"b": np.zeros(1)}, "a.b": np.ones(2)}
    restored = unflatten_state(*flatten_state(state))
    assert restored["a"]["b"].tolist() == [0]
    assert restored["a.b"].tolist() == [1, 1]


def test_names_of_arrays_suit_any_file_whatever_the_keys(tmp_path):
    keys = ["x", "x.npy", "x.npy.npy", "a/b", "a_b", "..", "\0", "é", "\ud800", "__metadata__", ""]
    state = {key: np.array(number) for number, key in enumerate(keys)}
    arrays, structure = flatten_state(state)
    assert unflatten_state(safetensors.load(safetensors.save(arrays)), structure) == state
    np.savez(tmp_path / "state.npz", **{f"1.{name}": array for name, array in arrays.items()})
    with np.load(tmp_path / "state.npz") as members:
        read = {name: members[f"1.{name}"] for name in arrays}
    assert _describe(unflatten_state(read, structure)) == _describe(state)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"net": object()}, "net: expected an array, .* got object"),
        ({"net": {"W": [np.array([None])]}}, r"net.W.0: expected real numbers, got .* of object$"),
        ({"names": np.array(["cat"])}, r"names: expected real numbers, got an array of <U3$"),
        ({"W": np.zeros(2, complex)}, r"W: expected real numbers, got an array of complex128$"),
        ({"net": {1.5: 2}}, r"net.: expected strings or integers as keys, got float"),
        ({np.int64(1): 2}, r"state: expected strings or integers as keys, got int64"),
        ({True: 2}, r"state: expected strings or integers as keys, got bool"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_path(state, message):
    with pytest.raises(TypeError, match=message):
        flatten_state(state)


def test_the_order_of_keys_is_no_part_of_the_hash():
    one = {"a": {"x": 1, 2: np.zeros(2)}, "b": [{"u": 1, "v": 2}]}
    other = {"b": [{"v": 2, "u": 1}], "a": {2: np.zeros(2), "x": 1}}
    assert hash_state(one) == hash_state(other)
    assert hash_state(one) != hash_state({**one, "b": [{"u": 2, "v": 1}]})


def _describe(value):
    """Make values comparable, with their types."""
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict):
        return [(key, _describe(inner)) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_describe(inner) for inner in value])
    return (type(value).__name__, value)
