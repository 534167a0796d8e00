"""The space that a declaration of hyperparameters gives."""

import pickle
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from hpsearch.engine.definition import Choices, Range
from hpsearch.engine.definition.parameter import Scalar
from hpsearch.engine.definition.search_space import SearchSpace, make_search_space
from hpsearch.trainers import Trainer


class Declared(BaseModel):
    rate: float = Field(gt=0, description="Step size.")
    depth: int = Field(default=3, ge=1, le=9, description="Levels of a tree.")
    loss: Literal["log", "hinge"] = Field(default="log", description="What is minimized.")


class Tree(Trainer):
    Hyperparameters = Declared
    renamed: ClassVar = {"learning_rate": "rate"}

    def train_epoch(self, data: Any) -> dict[str, float]:
        return {}

    def predict(self, X: Any) -> Any:
        return X


class OneFit(Tree):
    has_epochs = False


class Undeclared(Tree):
    Hyperparameters = None


def read(trainer: type[Trainer] = Tree, **given: Any) -> SearchSpace:
    return make_search_space(trainer).read(given)


def test_epochs_are_a_key_of_every_trainer() -> None:
    assert read(rate=0.1, epochs=3)["epochs"] == 3
    assert read(Undeclared, epochs={"low": 2, "high": 5}).max_epochs() == 5
    assert read(OneFit, rate=0.1)["epochs"] == 1
    with pytest.raises(ValidationError, match="epochs"):
        read(rate=0.1)
    with pytest.raises(ValidationError, match="must be 1 or more, got 0"):
        read(Undeclared, epochs=0)
    with pytest.raises(ValidationError, match="must be 1 or less, got 2"):
        read(OneFit, rate=0.1, epochs=2)


def test_without_a_declaration_a_space_is_what_its_values_are() -> None:
    space = read(
        Undeclared,
        epochs=1,
        alpha={"low": 1e-4, "high": 1, "log": True},
        depth={"low": 2, "high": 9},
        n={"choices": [1, 2]},
        rate={"choices": [1, 0.5]},
        loss={"choices": ["log", "hinge"]},
        max_features={"choices": ["sqrt", 0.5]},
        fit_intercept={"choices": [True, False]},
        shuffle=True,
    )
    assert space.searched() == {
        "alpha": Range[float](low=1e-4, high=1.0, log=True),
        "depth": Range[int](low=2, high=9),
        "n": Choices[int](choices=(1, 2)),
        "rate": Choices[float](choices=(1.0, 0.5)),
        "loss": Choices[str](choices=("log", "hinge")),
        "max_features": Choices[Scalar](choices=("sqrt", 0.5)),
        "fit_intercept": Choices[Scalar](choices=(True, False)),
    }
    assert space.fixed() == {"shuffle": True, "epochs": 1}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"low": 2, "high": 1}, "low must be below high"),
        ({"low": 2}, "high"),
        ({"low": "a", "high": "b"}, "number"),
        ({"choices": []}, "at least 1 item"),
        ({"choices": 3}, "tuple"),
        ({"lo": 2, "high": 3}, "did you mean 'low'?"),
        ([1, 2], "valid"),
        (None, "valid"),
    ],
)
def test_without_a_declaration_a_space_must_still_be_one(given: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        read(Undeclared, epochs=1, depth=given)


def test_ranges_choices_and_fixed_values_are_read_and_defaults_are_fixed() -> None:
    space = read(rate={"low": 0.1, "high": 1.0}, depth={"choices": [2, 4]}, epochs=2)
    assert space.searched() == {
        "rate": Range[float](low=0.1, high=1.0),
        "depth": Choices[int](choices=(2, 4)),
    }
    assert space.fixed() == {"loss": "log", "epochs": 2}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"rate": 0.0}, "must be above 0, got 0.0"),
        ({"rate": {"low": -0.1, "high": 1.0}}, "must be above 0, got -0.1"),
        ({"rate": 1.0, "depth": {"choices": [2, 10]}}, "must be 9 or less, got 10"),
        ({"rate": 1.0, "depth": {"low": 0, "high": 2}}, "must be 1 or more, got 0"),
        ({"rate": 1.0, "depth": 2.5}, "integer"),
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
        read(**given)


def test_a_space_is_equal_after_pickling() -> None:
    space = read(rate={"low": 0.1, "high": 1.0, "log": True}, epochs=2)
    assert pickle.loads(pickle.dumps(space)) == space


def test_kinds_bounds_and_descriptions_come_from_the_declaration() -> None:
    declared = make_search_space(Tree)
    assert isinstance(declared, type)
    assert declared.describe_keys() == {
        "rate": ("float space, above 0", "Step size."),
        "depth": ("int space, at least 1, at most 9", "Levels of a tree."),
        "loss": ("name", "What is minimized."),
        "epochs": ("int space, at least 1", "Passes over the training examples."),
    }
    properties = declared.model_json_schema()["properties"]
    assert properties["depth"]["description"] == "Levels of a tree."
    assert properties["loss"]["default"] == "log"
