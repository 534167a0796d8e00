"""The definition of a study: everything its result depends on."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from hpsearch.data import (
    Basis,
    FolderSettings,
    Frequencies,
    PrincipalComponents,
    SplitSpec,
    TabularSettings,
)
from hpsearch.definition.base import Table
from hpsearch.definition.parameter import Choices
from hpsearch.definition.pruners import NoPruner, PrunerSettings
from hpsearch.definition.samplers import SamplerSettings, Tpe
from hpsearch.definition.space import NetSpace, SearchSpace
from hpsearch.metrics import Metric, Task, metric_of
from hpsearch.wording import suggest

__all__ = ["OWN_SOURCES", "StudyDefinition"]


class BasisSettings(Table):
    """Fewer numbers for an image, in place of its pixels; exactly one key is given.

    Parameters
    ----------
    components : int, optional
        So many principal components of the training images.
    variance : float, optional
        As many of them as keep this share of the variance.
    frequencies : int, optional
        So many spatial frequencies, those along which training images vary most: much the same,
        and there is nothing to fit.
    """

    components: Annotated[int, Field(ge=1)] | None = None
    variance: Annotated[float, Field(gt=0, lt=1)] | None = None
    frequencies: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> "BasisSettings":
        if [self.components, self.variance, self.frequencies].count(None) != 2:
            raise ValueError(
                "expected components, variance or frequencies, such as { components = 300 }"
            )
        return self


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
# Hyperparameters that apply to images only.
_FOR_IMAGES = (
    "receptive_field_radius",
    "n_components",
    "whitening",
    "horizontal_flip",
    "max_shift",
    "cutout_size",
)

PixelCount: TypeAlias = Annotated[int, Field(ge=4, le=512)]


class DataSettings(Table):
    """Which images, and how they are split.

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
    basis : str or table
        What a net is fed: ``pixels``, or fewer numbers that hold nearly all of an image.
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
    basis: Annotated[
        Annotated[Literal["pixels"], Tag("named")] | Annotated[BasisSettings, Tag("table")],
        Discriminator(lambda given: "named" if isinstance(given, str) else "table"),
    ] = "pixels"

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
        if self.is_tabular and self.basis != "pixels":
            raise ValueError(f'basis is only for images, got source = "{self.source}"')
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
        """Return the settings of own data for `hpsearch.data`; None for published data."""
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

    def image_basis(self) -> Basis | None:
        """Return the input transform for `hpsearch.data`; None for pixels."""
        if isinstance(self.basis, str):
            return None
        if self.basis.frequencies is not None:
            return Frequencies(self.basis.frequencies)
        return PrincipalComponents(self.basis.components, self.basis.variance)


class SearchSettings(Table):
    """How the space is searched.

    Parameters
    ----------
    sampler : sampler
        Who proposes; a name, or a table with a name and its settings.
    pruner : pruner
        Who ends trials early; likewise.
    space : SearchSpace
        What is searched.
    first : list of tables
        Settings that the first trials take; what one leaves out the sampler fills in.
    """

    sampler: SamplerSettings = Tpe(name="tpe")
    pruner: PrunerSettings = NoPruner(name="none")
    space: NetSpace
    first: Annotated[tuple[dict[str, float | str], ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check_choices(self) -> "SearchSettings":
        sampler = self.sampler.name
        if sampler in ("grid", "ablation"):
            for name, space in self.space.searched().items():
                if not isinstance(space, Choices):
                    raise ValueError(
                        f"the {sampler} sampler needs choices for {name}, got a range: "
                        f"write {name} = {{ choices = [...] }}"
                    )
            if self.first:
                raise ValueError(f"the {sampler} sampler takes no first settings: it has its own")
        return self

    @model_validator(mode="after")
    def _check_first(self) -> "SearchSettings":
        searched = self.space.searched()
        for index, setting in enumerate(self.first):
            for name, value in setting.items():
                if name not in searched:
                    raise ValueError(
                        f"first.{index} sets {name!r}, which is not searched"
                        f"{suggest(name, searched)}"
                    )
                if not (space := searched[name]).contains(value):
                    raise ValueError(
                        f"first.{index}.{name} must be {space.describe()}, got {value!r}"
                    )
        return self


class ConfirmSettings(Table):
    """After the search the best trials are trained again with other seeds.

    Parameters
    ----------
    top : int
        How many of the best complete trials.
    seeds : int
        How many fresh seeds each.
    """

    top: Annotated[int, Field(ge=1)] = 3
    seeds: Annotated[int, Field(ge=1)] = 2


class StudyDefinition(Table):
    """A study, checked: equal definitions on equal data give equal results.

    Parameters
    ----------
    name : str
        Name of the study everywhere: folder, Optuna study, MLflow experiment, model.
    description : str
        A sentence for people.
    seed : int
        Root of all randomness.
    trials : int
        How many trials the study shall have in all.
    lag : int
        Trial k knows the finished trials up to k - lag, and waits for those.
    threads_per_trial : int
        Threads of one trial, for BLAS and a step's products. BLAS's change rounding, so they are
        part of the definition.
    data : DataSettings
        The images.
    search : SearchSettings
        Sampler, pruner and space.
    confirm : ConfirmSettings, optional
        Which trials are confirmed on fresh seeds; none if left out.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    trials: Annotated[int, Field(ge=1)]
    lag: Annotated[int, Field(ge=1)] = 8
    threads_per_trial: Annotated[int, Field(ge=1)] = 1
    data: DataSettings
    search: SearchSettings
    confirm: ConfirmSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_fixed_values_of_training(cls, given: Any) -> Any:
        """Read a table `training` as fixed values of the search space."""
        match given:
            case {"training": dict(fixed), "search": {"space": dict(space), **search}, **rest}:
                return {**rest, "search": {**search, "space": {**fixed, **space}}}
        return given

    @model_validator(mode="after")
    def _check_trials_fit_grid(self) -> "StudyDefinition":
        if self.search.sampler.name == "grid" and self.trials > self.n_grid_cells():
            raise ValueError(
                f"trials must be at most {self.n_grid_cells()}, the cells of the grid, "
                f"got {self.trials}"
            )
        return self

    @model_validator(mode="after")
    def _check_basis_is_set(self) -> "StudyDefinition":
        space = self.search.space
        needing = [name for name in ("n_components", "whitening") if space.largest(name) > 0]
        if space.may_be("contrast_normalization", "global"):
            needing.append("contrast_normalization")
        if needing and self.data.basis == "pixels":
            raise ValueError(
                f"search.space.{needing[0]} needs a basis: set data.basis, "
                "such as { components = 300 }"
            )
        return self

    @property
    def metric(self) -> Metric:
        """Metric that the study optimizes."""
        return metric_of(self.data.task)

    def split_spec(self) -> SplitSpec:
        """Return how `hpsearch.data` is to split the source."""
        data = self.data
        return SplitSpec(
            n_train=data.train or 0,
            n_validation=data.validation if isinstance(data.validation, int) else 0,
            n_test=data.test,
            basis=data.image_basis(),
            is_augmentable=_changes_images(self.search.space),
            shuffle_seed=data.shuffle_seed,
            stratify=data.source in OWN_SOURCES if data.stratify is None else data.stratify,
            n_folds=data.n_folds,
        )

    @model_validator(mode="after")
    def _check_hyperparameters_suit_data(self) -> "StudyDefinition":
        space, source = self.search.space, self.data.source
        if self.data.is_tabular:
            given = [name for name in _FOR_IMAGES if space.largest(name) > 0]
            if space.fixed().get("contrast_normalization") != "none":
                given.append("contrast_normalization")
            if given:
                raise ValueError(f'search.space.{given[0]} is for images, not source = "{source}"')
        if self.data.task == Task.REGRESSION and space.largest("label_smoothing") > 0:
            raise ValueError("search.space.label_smoothing is for classes, not a regression")
        return self

    def n_grid_cells(self) -> int:
        """Count the combinations of the choices."""
        spaces = self.search.space.searched().values()
        return math.prod(len(space.choices) for space in spaces if isinstance(space, Choices))

    def with_trials(self, trials: int) -> "StudyDefinition":
        """Return the same study with another number of trials, checked again."""
        return type(self).model_validate(self.model_dump() | {"trials": trials})

    def identity_fields(self) -> dict[str, Any]:
        """Return all keys that the result of trial k depends on, as plain JSON values.

        Left out are the description; the number of trials, as a longer study begins with the
        trials of a shorter one; the confirmation, which follows the last trial; and the location
        of own data, which its checksum identifies.
        """
        left_out: Any = {
            "description": True,
            "trials": True,
            "confirm": True,
            "data": {"folder", "path"},
        }
        return self.model_dump(mode="json", exclude=left_out)


def _changes_images(space: SearchSpace) -> bool:
    """Whether any trial may augment images or normalise their contrast."""
    return space.may_be("contrast_normalization", "per_image") or any(
        space.largest(name) > 0 for name in ("horizontal_flip", "max_shift", "cutout_size")
    )
