"""The space of one hyperparameter: a range, a list of choices, or one fixed value."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from hpsearch.data import Contrast
from hpsearch.definition.base import Table
from hpsearch.training import Optimizer, Schedule

__all__ = [
    "Choices",
    "ContrastSpace",
    "Count",
    "FieldRadius",
    "NotNegative",
    "OptimizerSpace",
    "ParameterSpace",
    "Positive",
    "PositiveCount",
    "Range",
    "ScheduleSpace",
    "Share",
    "ends",
]

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
    def _checkends(self) -> "Range[Number]":
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got low = {self.low}, high = {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 on a log scale, got {self.low}")
        return self

    def contains(self, value: float | str) -> bool:
        """Whether `value` lies in the range; of integers, whether it is one."""
        if isinstance(value, str) or not self.low <= value <= self.high:
            return False
        return isinstance(self.low, float) or value == int(value)

    def describe(self) -> str:
        """What `contains` asks for, in words."""
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
        """What `contains` asks for, in words."""
        return f"one of {', '.join(map(str, self.choices))}"


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
OptimizerSpace: TypeAlias = Annotated[
    Annotated[Choices[Optimizer], Tag("choices")] | Annotated[Optimizer, Tag("fixed")],
    Discriminator(_shape_of),
]
ScheduleSpace: TypeAlias = Annotated[
    Annotated[Choices[Schedule], Tag("choices")] | Annotated[Schedule, Tag("fixed")],
    Discriminator(_shape_of),
]
ContrastSpace: TypeAlias = Annotated[
    Annotated[Choices[Contrast], Tag("choices")] | Annotated[Contrast, Tag("fixed")],
    Discriminator(_shape_of),
]
ParameterSpace: TypeAlias = (
    Range[float] | Range[int] | Choices[float] | Choices[int] | Choices[str] | float | int | str
)


def _bounded(
    end: Callable[[ParameterSpace], float], is_within: Callable[[float], bool], bound: str
) -> AfterValidator:
    """A check that one `end` of a space keeps within a bound, told in words."""

    def check(space: ParameterSpace) -> ParameterSpace:
        if not is_within(value := end(space)):
            raise ValueError(f"must be {bound}, got {value}")
        return space

    return AfterValidator(check)


def _above(least: float) -> AfterValidator:
    return _bounded(lambda space: ends(space)[0], lambda value: value > least, f"above {least}")


def _at_least(least: float) -> AfterValidator:
    return _bounded(lambda space: ends(space)[0], lambda value: value >= least, f"{least} or more")


def _below(limit: float) -> AfterValidator:
    return _bounded(lambda space: ends(space)[1], lambda value: value < limit, f"below {limit}")


def _zero_or_at_least(least: float) -> AfterValidator:
    def check(space: ParameterSpace) -> ParameterSpace:
        for value in _listed(space):
            # A range that begins at 0 has all between 0 and the least as well.
            if value < least and (value != 0 or isinstance(space, Range)):
                raise ValueError(f"must be 0 or at least {least}, got {value}")
        return space

    return AfterValidator(check)


Positive: TypeAlias = Annotated[FloatSpace, _above(0)]
NotNegative: TypeAlias = Annotated[FloatSpace, _at_least(0)]
# Less than half a pixel is one pixel, and soon none that float32 can tell from 0.
FieldRadius: TypeAlias = Annotated[FloatSpace, _zero_or_at_least(0.5)]
Share: TypeAlias = Annotated[FloatSpace, _at_least(0), _below(1)]
Count: TypeAlias = Annotated[IntSpace, _at_least(0)]
PositiveCount: TypeAlias = Annotated[IntSpace, _at_least(1)]


def ends(space: Any) -> tuple[float, float]:
    """The least and the largest number in `space`."""
    values = _listed(space)
    return min(values), max(values)


def _listed(space: Any) -> tuple[float, ...]:
    """The numbers that a file gives: a range's ends, the choices, or the one value."""
    if isinstance(space, Range):
        return space.low, space.high
    return space.choices if isinstance(space, Choices) else (space,)
