"""The space that a declaration of hyperparameters gives."""

import pickle
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from hpsearch.definition import Choices, Range
from hpsearch.definition.space import make_search_space


class Declared(BaseModel):
    rate: float = Field(gt=0, description="Step size.")
    depth: int = Field(default=3, ge=1, le=9, description="Levels of a tree.")
    loss: Literal["log", "hinge"] = Field(default="log", description="What is minimized.")


Space = make_search_space(Declared, learning_rate="rate")


def test_ranges_choices_and_fixed_values_are_read_and_defaults_are_fixed() -> None:
    space = Space.model_validate({"rate": {"low": 0.1, "high": 1.0}, "depth": {"choices": [2, 4]}})
    assert space.searched() == {
        "rate": Range[float](low=0.1, high=1.0),
        "depth": Choices[int](choices=(2, 4)),
    }
    assert space.fixed() == {"loss": "log"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"rate": 0.0}, "must be above 0, got 0.0"),
        ({"rate": {"low": -0.1, "high": 1.0}}, "must be above 0, got -0.1"),
        ({"rate": 1.0, "depth": {"choices": [2, 10]}}, "must be 9 or less, got 10"),
        ({"rate": 1.0, "depth": {"low": 0, "high": 2}}, "must be 1 or more, got 0"),
        ({"rate": 1.0, "depth": 2.5}, "valid integer"),
        ({"rate": 1.0, "loss": "mse"}, "'log' or 'hinge'"),
        ({"rate": 1.0, "loss": {"low": 1, "high": 2}}, "range"),
        ({}, "rate"),
        ({"rate": 1.0, "learning_rate": 1.0}, "learning_rate is now rate"),
        ({"rate": 1.0, "dept": 2}, "did you mean 'depth'?"),
    ],
)
def test_every_value_is_checked_against_the_declaration(
    given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Space.model_validate(given)


def test_a_space_is_equal_after_pickling() -> None:
    space = Space.model_validate({"rate": {"low": 0.1, "high": 1.0, "log": True}})
    assert pickle.loads(pickle.dumps(space)) == space


def test_kinds_bounds_and_descriptions_come_from_the_declaration() -> None:
    assert Space.describe_keys() == {
        "rate": ("float space, above 0", "Step size."),
        "depth": ("int space, at least 1, at most 9", "Levels of a tree."),
        "loss": ("name", "What is minimized."),
    }
    properties = Space.model_json_schema()["properties"]
    assert properties["depth"]["description"] == "Levels of a tree."
    assert properties["loss"]["default"] == "log"
