"""The search space of a study file, made from the hyperparameters that a trainer declares."""

import functools
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from hpsearch.definition.base import Table
from hpsearch.definition.parameter import (
    Choices,
    Range,
    describe_kind,
    ends,
    make_parameter_space,
)
from hpsearch.training import Hyperparameters

__all__ = ["NetSpace", "SearchSpace", "make_search_space"]


class SearchSpace(Table):
    """Search space: a range, choices or a fixed value for each hyperparameter."""

    declared: ClassVar[type[BaseModel]]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as values; the class is made again on loading."""
        return _load_space, (type(self).declared, type(self).renamed, self.model_dump())

    @classmethod
    def describe_keys(cls) -> dict[str, tuple[str, str]]:
        """Return type and description of each hyperparameter, as the trainer declares them."""
        return {
            name: (describe_kind(field), field.description or "")
            for name, field in cls.declared.model_fields.items()
        }

    def searched(self) -> dict[str, Range[Any] | Choices[Any]]:
        """Return the hyperparameters that vary, in the order of their declaration."""
        return {
            name: space
            for name in type(self).model_fields
            if isinstance(space := getattr(self, name), Range | Choices)
        }

    def fixed(self) -> dict[str, float | str]:
        """Return the hyperparameters that do not vary, with their values."""
        searched = self.searched()
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in searched
        }

    def max_epochs(self) -> int:
        """Return the largest number of epochs of any trial."""
        return int(self.largest("epochs"))

    def largest(self, name: str) -> float:
        """Return the largest value of the numeric hyperparameter `name`."""
        return ends(getattr(self, name))[1]

    def may_be(self, name: str, value: str) -> bool:
        """Whether the categorical hyperparameter `name` can take `value`."""
        space = getattr(self, name)
        return value in space.choices if isinstance(space, Choices) else bool(space == value)


@functools.cache
def make_search_space(declared: type[BaseModel], **renamed: str) -> type[SearchSpace]:
    """Make the class of a trainer's search space.

    Parameters
    ----------
    declared : type of pydantic model
        The trainer's hyperparameters: a float, an int or a `Literal` of names each, with bounds,
        a default unless it must be given, and a description.
    **renamed : str
        Former names of hyperparameters, which are refused, and their present names.
    """
    fields: dict[str, Any] = {
        name: (make_parameter_space(field), _copy_default(field))
        for name, field in declared.model_fields.items()
    }
    space = create_model("SearchSpace", __base__=SearchSpace, __doc__=SearchSpace.__doc__, **fields)
    space.declared = declared
    space.renamed = renamed
    return space


def _load_space(
    declared: type[BaseModel], renamed: dict[str, str], values: dict[str, Any]
) -> SearchSpace:
    return make_search_space(declared, **renamed).model_validate(values)


def _copy_default(field: FieldInfo) -> Any:
    return ... if field.is_required() else field.default


if TYPE_CHECKING:
    NetSpace: TypeAlias = SearchSpace
else:
    NetSpace = make_search_space(
        Hyperparameters,
        initial_field="receptive_field_radius",
        contrast="contrast_normalization",
        components="n_components",
        ridge="whitening_ridge",
        mirror="horizontal_flip",
        cutout="cutout_size",
        mixup="mixup_alpha",
        averaging="averaging_epochs",
    )
