import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.gradcheck import eval_numerical_gradient, rel_error


def test_the_slope_of_a_known_function_is_found() -> None:
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    gradient = eval_numerical_gradient(lambda x: float(np.sum(x**3)), x, verbose=False)
    assert rel_error(gradient, 3 * x**2) < 1e-8


def test_a_planted_wrong_gradient_is_found() -> None:
    """A checker that never complains would pass every other test."""
    x = np.array([1.0, -2.0, 0.5])
    wrong = 2 * x
    wrong[1] *= 1.001
    numerical = eval_numerical_gradient(lambda x: float(np.sum(x**2)), x, verbose=False)
    assert rel_error(numerical, wrong) > 1e-4


def test_the_point_is_put_back() -> None:
    x = np.array([1.0, 1e-3, 7.0])
    before = x.copy()
    eval_numerical_gradient(lambda x: float(x.sum()), x, verbose=False)
    assert np.array_equal(x, before)


def test_each_slope_is_printed_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    eval_numerical_gradient(lambda x: float(x.sum()), np.zeros(3))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_relative_errors_of_tiny_numbers_do_not_explode() -> None:
    assert rel_error(np.array([1e-12]), np.array([-1e-12])) == pytest.approx(2e-4)
