"""The search space of a study, as the trainer declares its hyperparameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, RootModel, create_model
from pydantic.fields import FieldInfo

from hpsearch.engine.definition.parameter import (
    AnySpace,
    Choices,
    ParameterSpace,
    Range,
    describe_kind,
    ends,
    list_values,
    make_parameter_space,
)
from hpsearch.foundations.tables import Table
from hpsearch.trainers import Trainer

__all__ = ["DeclaredSpace", "SearchSpace", "UnreadSpace", "make_search_space", "read_space"]

_EPOCHS = "epochs"


class SearchSpace(RootModel[dict[str, AnySpace]]):
    """Search space: a range, choices or a fixed value for each hyperparameter, by name.

    The key ``epochs`` is the engine's own: every trainer has it.
    """

    model_config = {"frozen": True}

    def __getitem__(self, name: str) -> ParameterSpace:
        return self.root[name]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return iter(self.root)

    def searched(self) -> dict[str, Range[Any] | Choices[Any]]:
        """Return the hyperparameters that vary, in the order of their declaration."""
        return {
            name: space for name, space in self.root.items() if isinstance(space, Range | Choices)
        }

    def fixed(self) -> dict[str, bool | float | str]:
        """Return the hyperparameters that do not vary, with their values."""
        return {
            name: space
            for name, space in self.root.items()
            if not isinstance(space, Range | Choices)
        }

    def named_values(self) -> dict[str, tuple[Any, ...]]:
        """Return for each hyperparameter a range's ends, the choices, or the one value."""
        return {name: list_values(space) for name, space in self.root.items()}

    def max_epochs(self) -> int:
        """Return the largest number of epochs of any trial."""
        return int(ends(self.root[_EPOCHS])[1])


class DeclaredSpace(Table):
    """Search space: a range, choices or a fixed value for each hyperparameter."""

    declared: ClassVar[type[BaseModel]]

    @classmethod
    def describe_keys(cls) -> dict[str, tuple[str, str]]:
        """Return type and description of each hyperparameter, as the trainer declares them."""
        return {
            name: (describe_kind(field), field.description or "")
            for name, field in cls.declared.model_fields.items()
        }

    @classmethod
    def json_schema(cls, ref_template: str) -> dict[str, Any]:
        """Return the JSON schema of the table."""
        return cls.model_json_schema(ref_template=ref_template)

    @classmethod
    def read(cls, given: dict[str, Any]) -> SearchSpace:
        """Read a table of a study file, and fill in defaults.

        Raises
        ------
        ValidationError
            If a key or value is not as declared.
        """
        return SearchSpace.model_validate(cls.model_validate(given).model_dump())


class _OpenSpace:
    """Search space of a trainer that does not declare its hyperparameters."""

    def __init__(self, epochs: type[BaseModel]) -> None:
        self._epochs = make_declared_space(epochs, {})

    def read(self, given: dict[str, Any]) -> SearchSpace:
        """Read a table of a study file."""
        own = {name: space for name, space in given.items() if name == _EPOCHS}
        epochs = self._epochs.model_validate(own)
        return SearchSpace.model_validate({**given, **epochs.model_dump()})

    def json_schema(self, ref_template: str) -> dict[str, Any]:
        """Return the JSON schema of the table."""
        return SearchSpace.model_json_schema(ref_template=ref_template)


class _Epochs(BaseModel):
    """The engine's own hyperparameter."""

    epochs: Annotated[int, Field(ge=1, description="Passes over the training examples.")]


class _OneEpoch(BaseModel):
    """The engine's own hyperparameter, for trainers that train in one epoch."""

    epochs: Annotated[int, Field(ge=1, le=1, description="Always 1.")] = 1


def make_search_space(trainer: type[Trainer]) -> type[DeclaredSpace] | _OpenSpace:
    """Make what reads the search space of a trainer from a study file."""
    epochs = _Epochs if trainer.has_epochs else _OneEpoch
    if trainer.Hyperparameters is None:
        return _OpenSpace(epochs)
    declared = trainer.Hyperparameters
    if _EPOCHS not in declared.model_fields:
        declared = create_model(
            declared.__name__, __base__=declared, epochs=(int, epochs.model_fields[_EPOCHS])
        )
    return make_declared_space(declared, dict(trainer.renamed))


def make_declared_space(declared: type[BaseModel], renamed: dict[str, str]) -> type[DeclaredSpace]:
    """Make the table of the search space of declared hyperparameters.

    Parameters
    ----------
    declared : type of pydantic model
        The hyperparameters: a float, an int, a bool or a `Literal` of names each, with bounds, a
        default unless it must be given, and a description.
    renamed : dict
        Former names of hyperparameters, which are refused, and their present names.
    """
    fields: dict[str, Any] = {
        name: (make_parameter_space(field), _copy_default(field))
        for name, field in declared.model_fields.items()
    }
    space = create_model(
        "DeclaredSpace", __base__=DeclaredSpace, __doc__=DeclaredSpace.__doc__, **fields
    )
    space.declared = declared
    space.renamed = renamed
    return space


@dataclass(frozen=True)
class UnreadSpace:
    """A table ``[search.space]`` of a study file, to be read as its trainer declares."""

    given: dict[str, Any]
    trainer: type[Trainer] | None = None


def read_space(given: Any) -> SearchSpace:
    """Read a search space: of a study file as its trainer declares, or one that was recorded."""
    if isinstance(given, SearchSpace):
        return given
    if isinstance(given, UnreadSpace):
        if given.trainer is None:  # the trainer's table was refused, which is reported
            return SearchSpace({})
        return make_search_space(given.trainer).read(given.given)
    return SearchSpace.model_validate(given)


def _copy_default(field: FieldInfo) -> Any:
    return ... if field.is_required() else field.default
