"""The space of one hyperparameter: a range, a list of choices, or one fixed value."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from hpsearch.definition.base import Table, reword_error

__all__ = ["Choices", "ParameterSpace", "Range", "describe_kind", "ends", "make_parameter_space"]

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")


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

    def contains(self, value: float | str) -> bool:
        """Whether `value` is in the range, and an integer if the range is one of integers."""
        if isinstance(value, str) or not self.low <= value <= self.high:
            return False
        return isinstance(self.low, float) or value == int(value)

    def describe(self) -> str:
        """Describe the allowed values, for error messages."""
        kind = "a number" if isinstance(self.low, float) else "an integer"
        return f"{kind} from {self.low} to {self.high}"


class Choices(Table, Generic[Value]):
    """A list of values to choose from; the grid sampler needs these.

    Parameters
    ----------
    choices : list of numbers or names
        At least one, each once.
    """

    choices: Annotated[tuple[Value, ...], Field(min_length=1, strict=False)]

    @field_validator("choices")
    @classmethod
    def _check_distinct(cls, choices: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(set(choices)) != len(choices):
            raise ValueError(f"must name each value once, got {list(choices)}")
        return choices

    def contains(self, value: float | str) -> bool:
        """Whether `value` is one of the choices."""
        return value in self.choices

    def describe(self) -> str:
        """Describe the allowed values, for error messages."""
        return f"one of {', '.join(map(str, self.choices))}"


ParameterSpace: TypeAlias = (
    Range[float] | Range[int] | Choices[float] | Choices[int] | Choices[str] | float | int | str
)

_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def make_parameter_space(field: FieldInfo) -> Any:
    """Make the type of a hyperparameter's space: a range, choices or a fixed value.

    Parameters
    ----------
    field : FieldInfo
        The declaration: a float, an int or a `Literal` of names, with its bounds.

    Returns
    -------
    type
        Type of the hyperparameter's key in a study file. Every value that the file names is
        checked against the declaration.
    """
    kind: Any = field.annotation
    choices = Annotated[Choices[kind], Tag("choices")]
    fixed = Annotated[kind, Tag("fixed")]
    declared = TypeAdapter(Annotated[kind, Field(), *field.metadata])

    def check(space: ParameterSpace) -> ParameterSpace:
        for value in _list_values(space):
            try:
                declared.validate_python(value)
            except ValidationError as error:
                raise ValueError(reword_error(error.errors(include_url=False)[0])) from error
        return space

    union: Any = choices | fixed
    if kind in (float, int):
        union = Annotated[Range[kind], Tag("range")] | union
    return Annotated[union, Discriminator(_choose_tag), AfterValidator(check)]


def describe_kind(field: FieldInfo) -> str:
    """Describe type and bounds of a declared hyperparameter: ``float space, above 0``."""
    if field.annotation not in (float, int):
        return "name"
    bounds = [
        f"{word} {getattr(one, bound)}"
        for one in field.metadata
        for bound, word in _BOUNDS.items()
        if hasattr(one, bound)
    ]
    return ", ".join([f"{field.annotation.__name__} space", *bounds])


def ends(space: Any) -> tuple[float, float]:
    """Return the smallest and the largest number in `space`."""
    values = _list_values(space)
    return min(values), max(values)


def _list_values(space: Any) -> tuple[Any, ...]:
    """List the values named in a file: a range's ends, the choices, or the one value."""
    if isinstance(space, Range):
        return space.low, space.high
    return space.choices if isinstance(space, Choices) else (space,)


def _choose_tag(given: Any) -> str:
    if isinstance(given, Mapping):
        return "choices" if "choices" in given else "range"
    if isinstance(given, Range):
        return "range"
    return "choices" if isinstance(given, Choices) else "fixed"
