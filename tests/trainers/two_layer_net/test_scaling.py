"""From columns to inputs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hpsearch.datasets.schema import Column
from hpsearch.trainers.two_layer_net.scaling import fit_scaling, fit_target_scale

NAN = np.nan
COLUMNS = (Column("age"), Column("colour", "category", ("blue", "green", "red")), Column("always"))
TRAIN = np.array([[1.0, 0, 7], [3.0, 2, 7], [NAN, NAN, 7]])


def test_numbers_are_standardised_and_categories_one_hot() -> None:
    scaling = fit_scaling(TRAIN, COLUMNS)
    assert scaling.n_inputs == 1 + 1 + 3 + 1  # age, whether it is missing, colours, always
    expected = [[-1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0]]
    np.testing.assert_array_equal(scaling.apply(TRAIN), np.array(expected, np.float32))


def test_what_was_never_missing_in_training_is_the_mean_where_it_is_missing_later() -> None:
    scaling = fit_scaling(TRAIN[:2], COLUMNS)
    assert scaling.n_inputs == 5
    inputs = scaling.apply(np.array([[NAN, NAN, NAN]]))
    np.testing.assert_array_equal(inputs, np.zeros((1, 5), np.float32))


def test_a_column_without_any_number_in_training_stays_finite() -> None:
    scaling = fit_scaling(np.array([[NAN], [NAN]]), (Column("empty"),))
    np.testing.assert_array_equal(scaling.apply(np.array([[NAN], [5.0]])), [[0, 1], [5, 0]])


@given(hnp.arrays(np.float64, (12, 3), elements=st.floats(-1e9, 1e9) | st.just(NAN)))
def test_inputs_are_finite_whatever_is_missing(features: np.ndarray) -> None:
    columns = tuple(Column(name) for name in "abc")
    inputs = fit_scaling(features[:8], columns).apply(features)
    assert np.isfinite(inputs).all()
    assert inputs.dtype == np.float32


@given(hnp.arrays(np.float64, 9, elements=st.floats(-1e6, 1e6)))
def test_targets_come_back_from_their_scale(targets: np.ndarray) -> None:
    scale = fit_target_scale(targets)
    back = scale.invert(scale.apply(targets))
    np.testing.assert_allclose(back, targets, atol=1e-5 * max(1.0, np.abs(targets).max()))
