"""Settings of a study's data: its source, and how it is split."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from hpsearch.datasets import FolderSettings, SplitSpec, TabularSettings
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.tables import Table

__all__ = ["OWN_SOURCES", "DataSettings", "FoldSettings"]


class FoldSettings(Table):
    """Cross-validation, in place of a validation split.

    Parameters
    ----------
    folds : int
        How many folds the examples that are not for the test are divided into. A trial trains
        once for each fold, on all others, and its value is the metric of the predictions that each
        example got from the training without it. The best setting is trained once more, on all of
        them.
    """

    folds: Annotated[int, Field(ge=2)]


# Required and optional keys of each source of the user's own data.
_KEYS: dict[str, tuple[set[str], set[str]]] = {
    "folder": ({"folder", "image_size"}, {"group"}),
    "table": ({"path", "target"}, {"ignore", "group"}),
    "arrays": ({"path"}, set()),
    "python": ({"load"}, {"path", "target", "ignore", "group"}),
}
OWN_SOURCES = frozenset(_KEYS)

PixelCount: TypeAlias = Annotated[int, Field(ge=4, le=512)]


class DataSettings(Table):
    """Which examples, and how they are split.

    Parameters
    ----------
    source : str
        ``digits`` (embedded), ``cifar10``, ``fashion_mnist``; ``folder``: own images;
        ``table``: a CSV or Parquet file; ``arrays``: an .npz file with X and y; ``python``: what
        a function of one's own returns.
    task : str
        ``classification``, judged by accuracy; or ``regression``, by the mean squared error.
    folder : str, optional
        Of the source ``folder``: a folder with a sub-folder of images for each class, or with
        folders train, validation and test that hold such sub-folders; looked for there, then by
        its name where data sets lie.
    image_size : list of int, optional
        Of the source ``folder``: height and width that images are cut and resized to.
    path : str, optional
        Of the sources ``table`` and ``arrays``: the file; looked for there, then by its name where
        data sets lie. Of ``python``: the folder of the module; the study file's if left out.
    load : str, optional
        Of the source ``python``: ``module:function``, called once, without arguments, when data
        are prepared. It returns (X, y) or a pandas DataFrame.
    target : str, optional
        The column to predict, of a table.
    ignore : list of str
        Columns to leave out, of a table.
    group : str, optional
        Of a table: the column whose equal values stay in one split. Of the source ``folder``:
        ``folder`` keeps the images of one sub-folder of a class's folder in one split, and those
        of sub-folders of the same name under other classes with them.
    train : int, optional
        Number of images in the training split. Of a published data set the first are trained on
        and the next validated on. Left out with folds, which take all that are not for the test.
    validation : int or table
        Number of images in the validation split; or ``{ folds = 5 }`` for cross-validation.
    test : int, optional
        Number of test images; all of them if left out. Own images are test images for good, or
        never: a fifth of them by their pixels, or the folder test.
    shuffle_seed : int, optional
        Draws another training and another validation split, or other folds, from the images that
        are not for the test.
    stratify : bool, optional
        Whether training and validation split, or the folds, hold the classes in the shares that
        they have in the whole; if left out so for own data, not so for published data sets.
    """

    source: Literal["digits", "cifar10", "fashion_mnist", "folder", "table", "arrays", "python"]
    task: Annotated[Task, Field(strict=False)] = Task.CLASSIFICATION
    folder: Annotated[str, Field(min_length=1)] | None = None
    image_size: Annotated[tuple[PixelCount, PixelCount], Field(strict=False)] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    load: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    target: Annotated[str, Field(min_length=1)] | None = None
    ignore: Annotated[tuple[str, ...], Field(strict=False)] = ()
    group: Annotated[str, Field(min_length=1)] | None = None
    train: Annotated[int, Field(ge=1)] | None = None
    validation: Annotated[
        Annotated[int, Field(ge=1), Tag("fixed")] | Annotated[FoldSettings, Tag("table")],
        Discriminator(lambda given: "table" if isinstance(given, dict | FoldSettings) else "fixed"),
    ]
    test: Annotated[int, Field(ge=1)] | None = None
    shuffle_seed: Annotated[int, Field(ge=0)] | None = None
    stratify: bool | None = None

    renamed: ClassVar[dict[str, str]] = {"basis": "basis in the table [trainer]"}

    @model_validator(mode="after")
    def _check_keys_of_own_data(self) -> "DataSettings":
        needed, allowed = _KEYS.get(self.source, (set(), set()))
        for key in sorted({key for pair in _KEYS.values() for keys in pair for key in keys}):
            is_given = bool(getattr(self, key))
            if key in needed and not is_given:
                raise ValueError(f'{key} is missing, which source = "{self.source}" needs')
            if is_given and key not in needed | allowed:
                takers = [f'"{name}"' for name, (n, a) in _KEYS.items() if key in n | a]
                raise ValueError(
                    f"{key} is only for source = {' or '.join(takers)}, got {self.source!r}"
                )
        if self.source == "folder" and self.group not in (None, "folder"):
            raise ValueError(f'group must be "folder" for source = "folder", got {self.group!r}')
        return self

    @model_validator(mode="after")
    def _check_train(self) -> "DataSettings":
        if self.n_folds and self.train is not None:
            raise ValueError(
                "train is not for validation = { folds = ... }: all examples but those for the "
                f"test are divided into folds; leave it out, got {self.train}"
            )
        if not self.n_folds and self.train is None:
            raise ValueError("train is missing: the number of examples to train on")
        return self

    @model_validator(mode="after")
    def _check_tables(self) -> "DataSettings":
        if self.task == Task.REGRESSION and not self.is_tabular:
            raise ValueError(f'task = "regression" is not for source = "{self.source}"')
        return self

    @property
    def n_folds(self) -> int | None:
        """Number of folds of cross-validation; None with a validation split."""
        return self.validation.folds if isinstance(self.validation, FoldSettings) else None

    @property
    def is_tabular(self) -> bool:
        """Whether examples are rows and not images."""
        return self.source in ("table", "arrays", "python")

    @property
    def place(self) -> str | None:
        """Location of own data, the only part of their definition that may change between runs."""
        return self.folder or self.path

    def own(self) -> FolderSettings | TabularSettings | None:
        """Return the settings of own data for `hpsearch.datasets`; None for published data."""
        if self.folder is not None and self.image_size is not None:
            by_folder: Literal["folder"] | None = "folder" if self.group else None
            return FolderSettings(Path(self.folder), self.image_size, by_folder)
        if self.load is not None:
            return TabularSettings(
                self.load, self.task, self.target, self.ignore, self.group, self.path
            )
        if self.path is not None:
            return TabularSettings(self.path, self.task, self.target, self.ignore, self.group)
        return None

    def split_spec(self) -> SplitSpec:
        """Return how `hpsearch.datasets` is to split the source."""
        return SplitSpec(
            n_train=self.train or 0,
            n_validation=self.validation if isinstance(self.validation, int) else 0,
            n_test=self.test,
            shuffle_seed=self.shuffle_seed,
            stratify=self.source in OWN_SOURCES if self.stratify is None else self.stratify,
            n_folds=self.n_folds,
        )
