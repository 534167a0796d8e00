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

from hpsearch.foundations.tables import Table, reword_error

__all__ = [
    "AnySpace",
    "Choices",
    "ParameterSpace",
    "Range",
    "describe_kind",
    "ends",
    "list_values",
    "make_parameter_space",
]

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")
Scalar: TypeAlias = bool | int | float | str


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

    def contains(self, value: bool | float | str) -> bool:
        """Whether `value` is in the range, and an integer if the range is one of integers."""
        if isinstance(value, bool | str) or not self.low <= value <= self.high:
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

    def contains(self, value: bool | float | str) -> bool:
        """Whether `value` is one of the choices."""
        is_bool = isinstance(value, bool)
        return any(value == one and isinstance(one, bool) == is_bool for one in self.choices)

    def describe(self) -> str:
        """Describe the allowed values, for error messages."""
        return f"one of {', '.join(map(str, self.choices))}"


ParameterSpace: TypeAlias = (
    Range[float]
    | Range[int]
    | Choices[float]
    | Choices[int]
    | Choices[str]
    | Choices[Scalar]
    | bool
    | float
    | int
    | str
)


def _choose_open_tag(given: Any) -> str:
    """Choose the kind of a space that is not declared, by its values."""
    tag = _choose_tag(given)
    if tag == "fixed":
        return tag
    values = _find_values(given)
    kinds = {type(value) for value in values}
    if tag == "range":
        return "int_range" if kinds == {int} else "float_range"
    if kinds <= {int, float}:
        return "int_choices" if kinds == {int} else "float_choices"
    return "str_choices" if kinds == {str} else "any_choices"


# The space of a hyperparameter that is not declared: what the values in the file are.
AnySpace: TypeAlias = Annotated[
    Annotated[Range[int], Tag("int_range")]
    | Annotated[Range[float], Tag("float_range")]
    | Annotated[Choices[int], Tag("int_choices")]
    | Annotated[Choices[float], Tag("float_choices")]
    | Annotated[Choices[str], Tag("str_choices")]
    | Annotated[Choices[Scalar], Tag("any_choices")]
    | Annotated[Scalar, Tag("fixed")],
    Discriminator(_choose_open_tag),
]

_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def make_parameter_space(field: FieldInfo) -> Any:
    """Make the type of a hyperparameter's space: a range, choices or a fixed value.

    Parameters
    ----------
    field : FieldInfo
        The declaration: a float, an int, a bool or a `Literal` of names, with its bounds.

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
        for value in list_values(space):
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
        return "bool" if field.annotation is bool else "name"
    bounds = [
        f"{word} {getattr(one, bound)}"
        for one in field.metadata
        for bound, word in _BOUNDS.items()
        if hasattr(one, bound)
    ]
    return ", ".join([f"{field.annotation.__name__} space", *bounds])


def ends(space: Any) -> tuple[float, float]:
    """Return the smallest and the largest number in `space`."""
    values = list_values(space)
    return min(values), max(values)


def list_values(space: Any) -> tuple[Any, ...]:
    """List the values named in a file: a range's ends, the choices, or the one value."""
    if isinstance(space, Range):
        return space.low, space.high
    return space.choices if isinstance(space, Choices) else (space,)


def _find_values(given: Any) -> tuple[Any, ...]:
    """List the values of a space that may not have been read yet."""
    if not isinstance(given, Mapping):
        return list_values(given)
    choices = given.get("choices", ())
    if "choices" in given:
        return tuple(choices) if isinstance(choices, list | tuple) else ()
    return given.get("low"), given.get("high")


def _choose_tag(given: Any) -> str:
    if isinstance(given, Mapping):
        return "choices" if "choices" in given else "range"
    if isinstance(given, Range):
        return "range"
    return "choices" if isinstance(given, Choices) else "fixed"
