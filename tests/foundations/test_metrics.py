"""The values that studies optimize."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hpsearch.foundations.metrics import ACCURACY, MEAN_SQUARED_ERROR, Metric, Task, metric_of

numbers = hnp.arrays(np.float64, 20, elements=st.floats(-1e6, 1e6))


def test_each_task_has_its_metric() -> None:
    assert metric_of(Task.CLASSIFICATION) is ACCURACY
    assert metric_of(Task.REGRESSION) is MEAN_SQUARED_ERROR
    assert (ACCURACY.direction, ACCURACY.sign) == ("maximize", 1)
    assert (MEAN_SQUARED_ERROR.direction, MEAN_SQUARED_ERROR.sign) == ("minimize", -1)


def test_accuracy_is_the_share_of_equal_labels() -> None:
    assert ACCURACY(np.array([0, 1, 2, 1]), np.array([0, 1, 1, 1])) == 0.75
    assert ACCURACY.is_better(0.8, 0.7)
    assert not ACCURACY.is_better(0.7, 0.7)


def test_squared_errors_are_better_small_and_come_with_r2() -> None:
    targets, predictions = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])
    measured = MEAN_SQUARED_ERROR.measure(targets, predictions)
    assert measured == pytest.approx({"mse": 4 / 3, "r2": -1.0})
    assert MEAN_SQUARED_ERROR.is_better(1.0, 2.0)


def test_r2_of_targets_that_are_all_equal_is_0() -> None:
    assert MEAN_SQUARED_ERROR.measure(np.ones(3), np.zeros(3))["r2"] == 0


@given(numbers, numbers)
def test_a_metric_is_the_mean_of_what_it_is_of_each_example(
    targets: np.ndarray, predictions: np.ndarray
) -> None:
    for metric in (ACCURACY, MEAN_SQUARED_ERROR):
        assert metric(targets, predictions) == np.mean(metric.of_each(targets, predictions))


@given(numbers)
def test_predicting_the_mean_explains_nothing_and_the_targets_everything(
    targets: np.ndarray,
) -> None:
    if np.var(targets) > 1e-6:
        r2 = MEAN_SQUARED_ERROR.others["r2"]
        assert r2(targets, targets) == 1
        assert r2(targets, np.full(20, targets.mean())) == pytest.approx(0, abs=1e-6)


def test_the_best_constant_is_the_most_frequent_class() -> None:
    assert ACCURACY.measure_constant(np.array([1, 3, 3, 2])) == {"accuracy": 0.5}


@given(numbers)
def test_no_constant_has_a_smaller_squared_error_than_the_mean(targets: np.ndarray) -> None:
    measured = MEAN_SQUARED_ERROR.measure_constant(targets)
    assert measured["mse"] == pytest.approx(np.var(targets), rel=1e-9, abs=1e-9)
    assert measured["r2"] == pytest.approx(0, abs=1e-6)
    for other in (targets[0], np.median(targets), targets.mean() + 1):
        of_other = MEAN_SQUARED_ERROR(targets, np.full(20, other))
        assert measured["mse"] <= of_other or measured["mse"] == pytest.approx(of_other)


@pytest.mark.parametrize("metric", [ACCURACY, MEAN_SQUARED_ERROR])
def test_a_constant_has_the_scores_of_a_prediction_nan_without_targets(metric: Metric) -> None:
    targets = np.array([1.0, 2.0])
    of_none = metric.measure_constant(targets[:0])
    assert of_none.keys() == metric.measure(targets, targets).keys()
    assert np.isnan(list(of_none.values())).all()
