"""CIFAR-10 as arrays, under the names that the assignment's notebook imports."""

from hpsearch.datasets.notebook import get_CIFAR10_data, load_CIFAR10

__all__ = ["get_CIFAR10_data", "load_CIFAR10"]
