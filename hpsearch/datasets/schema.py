"""Structure of the examples of a data set, and of their target."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hpsearch.foundations.metrics import Metric, Task, metric_of

__all__ = ["Column", "Schema", "load_schema"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        As in the file.
    kind : str
        ``number``, or ``category``.
    categories : tuple of str
        Names of the codes of a ``category``, sorted; those of the training rows.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """Structure of an example, an image or a row, and of its target.

    Parameters
    ----------
    image_shape : tuple of int, optional
        Height, width and colours of an image; None for tables and arrays.
    columns : tuple of Column
        Columns of a table or array, without the target; empty for images.
    class_names : tuple of str
        Name of each class; empty for regression.
    target : str
        Name of the target.
    """

    image_shape: tuple[int, int, int] | None = None
    columns: tuple[Column, ...] = ()
    class_names: tuple[str, ...] = ()
    target: str = "label"

    @property
    def task(self) -> Task:
        """Classification if there are classes, else regression."""
        return Task.CLASSIFICATION if self.class_names else Task.REGRESSION

    @property
    def metric(self) -> Metric:
        """Metric that studies on such data optimize."""
        return metric_of(self.task)

    @property
    def has_names(self) -> bool:
        """Whether columns have names of their own, as those of a table do."""
        return any(column.name != f"x{i}" for i, column in enumerate(self.columns))

    @property
    def n_features(self) -> int:
        """Number of values of one example, as stored."""
        if self.image_shape is None:
            return len(self.columns)
        height, width, colours = self.image_shape
        return height * width * colours

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.class_names)

    @property
    def n_outputs(self) -> int:
        """Number of outputs of a model: a score for each class, or one number."""
        return len(self.class_names) or 1

    def describe(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def load_schema(described: Mapping[str, Any]) -> Schema:
    """Restore a `Schema` from the output of `Schema.describe`, read back from JSON.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a field is missing or invalid.
    """
    shape = described["image_shape"]
    image_shape = None
    if shape is not None:
        height, width, colours = shape
        image_shape = (height, width, colours)
    return Schema(
        image_shape=image_shape,
        columns=tuple(
            Column(one["name"], one["kind"], tuple(one["categories"]))
            for one in described["columns"]
        ),
        class_names=tuple(described["class_names"]),
        target=described["target"],
    )
