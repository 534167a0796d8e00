import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.foundations.hashing import hash_arrays, hash_json

BASE = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(2)}


def test_the_order_of_names_and_of_memory_does_not_matter() -> None:
    turned = {"b": BASE["b"], "a": np.asfortranarray(BASE["a"])}
    assert hash_arrays(turned) == hash_arrays(BASE)


@pytest.mark.parametrize(
    "changed",
    [
        {"a": BASE["a"].astype(np.float64)},
        {"a": BASE["a"].reshape(3, 2)},
        {"a": np.nextafter(BASE["a"], np.float32(9))},
        {"c": BASE["b"]},
    ],
)
def test_names_types_shapes_and_last_bits_matter(changed: dict[str, np.ndarray]) -> None:
    assert hash_arrays(BASE | changed) != hash_arrays(BASE)


def test_byte_order_is_no_difference() -> None:
    assert hash_arrays({"a": BASE["a"].astype(">f4")}) == hash_arrays({"a": BASE["a"]})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_hashed_exactly(value: float) -> None:
    assert hash_json([value]) != hash_json([np.nextafter(value, np.inf).item()])


def test_keys_are_hashed_in_any_order() -> None:
    assert hash_json({"a": 1, "b": 2}) == hash_json({"b": 2, "a": 1})
