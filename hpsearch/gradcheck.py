"""Numerical gradients, under the names that the assignment's notebook imports."""

from hpsearch.trainers.two_layer_net.gradcheck import eval_numerical_gradient, rel_error

__all__ = ["eval_numerical_gradient", "rel_error"]
