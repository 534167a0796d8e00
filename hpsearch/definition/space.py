"""The search space: for each hyperparameter a range, a list of choices, or one fixed value."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from hpsearch.definition.base import Table

__all__ = ["Choices", "ParameterSpace", "Range", "SearchSpace"]

Number = TypeVar("Number", int, float)


class Range(Table, Generic[Number]):
    """All numbers from `low` to `high`, both included.

    Parameters
    ----------
    low, high : number
        The ends.
    log : bool
        Whether to search evenly in the logarithm; `low` must then be above 0.
    """

    low: Number
    high: Number
    log: bool = False

    @model_validator(mode="after")
    def _check_ends(self) -> "Range[Number]":
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got low = {self.low}, high = {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 on a log scale, got {self.low}")
        return self

    def contains(self, value: float) -> bool:
        """Whether `value` lies in the range."""
        return self.low <= value <= self.high


class Choices(Table, Generic[Number]):
    """A list of values to choose from; the grid sampler needs these.

    Parameters
    ----------
    choices : list of numbers
        At least one, each once.
    """

    choices: Annotated[tuple[Number, ...], Field(min_length=1, strict=False)]

    @field_validator("choices")
    @classmethod
    def _check_distinct(cls, choices: tuple[Number, ...]) -> tuple[Number, ...]:
        if len(set(choices)) != len(choices):
            raise ValueError(f"must name each value once, got {list(choices)}")
        return choices

    def contains(self, value: float) -> bool:
        """Whether `value` is one of the choices."""
        return value in self.choices


def _shape_of(given: Any) -> str:
    if isinstance(given, Mapping):
        return "choices" if "choices" in given else "range"
    if isinstance(given, Range):
        return "range"
    return "choices" if isinstance(given, Choices) else "fixed"


FloatSpace: TypeAlias = Annotated[
    Annotated[Range[float], Tag("range")]
    | Annotated[Choices[float], Tag("choices")]
    | Annotated[float, Tag("fixed")],
    Discriminator(_shape_of),
]
IntSpace: TypeAlias = Annotated[
    Annotated[Range[int], Tag("range")]
    | Annotated[Choices[int], Tag("choices")]
    | Annotated[int, Tag("fixed")],
    Discriminator(_shape_of),
]
ParameterSpace: TypeAlias = Range[float] | Range[int] | Choices[float] | Choices[int] | float | int


class SearchSpace(Table):
    """What is searched: a range, choices or a fixed value for each of the five.

    Parameters
    ----------
    learning_rate : float space, above 0
        SGD step size in the first epoch.
    learning_rate_decay : float space, above 0
        Factor applied to the learning rate after each epoch.
    reg : float space, at least 0
        Weight of the squared weights in the loss.
    hidden_size : int space, at least 1
        Hidden units.
    epochs : int space, at least 1
        Passes over the training images.
    """

    learning_rate: FloatSpace
    learning_rate_decay: FloatSpace = 0.95
    reg: FloatSpace
    hidden_size: IntSpace
    epochs: IntSpace

    @field_validator("learning_rate", "learning_rate_decay")
    @classmethod
    def _check_positive(cls, space: ParameterSpace) -> ParameterSpace:
        if lowest(space) <= 0:
            raise ValueError(f"must be above 0, got {lowest(space)}")
        return space

    @field_validator("reg")
    @classmethod
    def _check_not_negative(cls, space: ParameterSpace) -> ParameterSpace:
        if lowest(space) < 0:
            raise ValueError(f"must be 0 or more, got {lowest(space)}")
        return space

    @field_validator("hidden_size", "epochs")
    @classmethod
    def _check_at_least_one(cls, space: ParameterSpace) -> ParameterSpace:
        if lowest(space) < 1:
            raise ValueError(f"must be 1 or more, got {lowest(space)}")
        return space

    def searched(self) -> dict[str, Range[Any] | Choices[Any]]:
        """The hyperparameters that vary, in the order of the class."""
        return {
            name: space
            for name in type(self).model_fields
            if isinstance(space := getattr(self, name), Range | Choices)
        }

    def fixed(self) -> dict[str, float]:
        """The hyperparameters that do not vary, with their values."""
        searched = self.searched()
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in searched
        }

    def max_epochs(self) -> int:
        """The most epochs that any trial may have."""
        if isinstance(self.epochs, Range):
            return self.epochs.high
        return max(self.epochs.choices) if isinstance(self.epochs, Choices) else self.epochs


def lowest(space: ParameterSpace) -> float:
    """The least value in `space`."""
    if isinstance(space, Range):
        return space.low
    return min(space.choices) if isinstance(space, Choices) else space
