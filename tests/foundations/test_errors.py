"""Errors of the package: what other processes get of them."""

import pickle
from collections.abc import Iterator

import pytest

from hpsearch.foundations.errors import HpsearchError, StoreError


def _list_kinds(kind: type[HpsearchError] = HpsearchError) -> Iterator[type[HpsearchError]]:
    yield kind
    for subclass in kind.__subclasses__():
        yield from _list_kinds(subclass)


@pytest.mark.parametrize("kind", list(_list_kinds()))
def test_every_error_is_pickled_with_its_class_and_message(kind: type[HpsearchError]) -> None:
    """A worker returns the error for which its study stops."""
    error = pickle.loads(pickle.dumps(kind("a.toml: expected a number, got 'x'")))
    assert type(error) is kind
    assert str(error) == "a.toml: expected a number, got 'x'"


def test_context_is_put_before_the_message() -> None:
    error = StoreError("disk full").with_context("small")
    assert type(error) is StoreError
    assert str(error) == "small: disk full"
