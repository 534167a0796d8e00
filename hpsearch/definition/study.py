"""The definition of a study: everything its result depends on."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from hpsearch.data import Basis, Cut, FolderSettings, Frequencies, PrincipalComponents
from hpsearch.definition.base import Table
from hpsearch.definition.parameter import Choices
from hpsearch.definition.pruners import NoPruner, PrunerSettings
from hpsearch.definition.samplers import SamplerSettings, Tpe
from hpsearch.definition.space import SearchSpace
from hpsearch.wording import suggest

__all__ = ["StudyDefinition"]


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


PixelCount: TypeAlias = Annotated[int, Field(ge=4, le=512)]


class DataSettings(Table):
    """Which images, and how they are split.

    Parameters
    ----------
    source : str
        ``digits`` (embedded), ``cifar10``, ``fashion_mnist``, or ``folder``: own images.
    folder : str, optional
        Of the source ``folder``: a folder with a sub-folder of images for each class, or with
        folders train, validation and test that hold such sub-folders; looked for there, then by
        its name where data sets lie.
    image_size : list of int, optional
        Of the source ``folder``: height and width that images are cut and resized to.
    group : str, optional
        Of the source ``folder``: ``folder`` keeps the images of one sub-folder of a class's folder
        in one split, and those of sub-folders of the same name under other classes with them.
    train, validation : int
        Number of images in the training split and in the validation split. Of a published data
        set the first are trained on and the next validated on.
    test : int, optional
        Number of test images; all of them if left out. Own images are test images for good, or
        never: a fifth of them by their pixels, or the folder test.
    shuffle_seed : int, optional
        Draws another training and another validation split from the images that are not for the
        test.
    stratify : bool, optional
        Whether training and validation split hold the classes in the shares that they have in
        the whole; if left out so for the source ``folder``, not so for published data sets.
    basis : str or table
        What a net is fed: ``pixels``, or fewer numbers that hold nearly all of an image.
    """

    source: Literal["digits", "cifar10", "fashion_mnist", "folder"]
    folder: Annotated[str, Field(min_length=1)] | None = None
    image_size: Annotated[tuple[PixelCount, PixelCount], Field(strict=False)] | None = None
    group: Literal["folder"] | None = None
    train: Annotated[int, Field(ge=1)]
    validation: Annotated[int, Field(ge=1)]
    test: Annotated[int, Field(ge=1)] | None = None
    shuffle_seed: Annotated[int, Field(ge=0)] | None = None
    stratify: bool | None = None
    basis: Annotated[
        Annotated[Literal["pixels"], Tag("named")] | Annotated[BasisSettings, Tag("table")],
        Discriminator(lambda given: "named" if isinstance(given, str) else "table"),
    ] = "pixels"

    @model_validator(mode="after")
    def _check_own_images(self) -> "DataSettings":
        given = {"folder": self.folder, "image_size": self.image_size}
        is_own = self.source == "folder"
        for key, value in (given if is_own else given | {"group": self.group}).items():
            if is_own and value is None:
                raise ValueError(f'{key} is missing, which source = "folder" needs')
            if not is_own and value is not None:
                raise ValueError(f'{key} is only for source = "folder", got {self.source!r}')
        return self

    def own_images(self) -> FolderSettings | None:
        """The settings of the source ``folder`` as `hpsearch.data` has them; None for others."""
        if self.folder is None or self.image_size is None:
            return None
        return FolderSettings(Path(self.folder), self.image_size, self.group)

    def image_basis(self) -> Basis | None:
        """The basis as `hpsearch.data` has it; None for pixels."""
        if isinstance(self.basis, str):
            return None
        if self.basis.frequencies is not None:
            return Frequencies(self.basis.frequencies)
        return PrincipalComponents(self.basis.components, self.basis.variance)


class TrainingSettings(Table):
    """What all trials have in common.

    Parameters
    ----------
    batch_size : int
        Images per SGD step.
    initial_std : float
        Standard deviation of the first weights.
    """

    batch_size: Annotated[int, Field(ge=1)] = 200
    initial_std: Annotated[float, Field(gt=0)] = 1e-4


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
    space: SearchSpace
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
    training : TrainingSettings
        What all trials have in common.
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
    training: TrainingSettings = TrainingSettings()
    search: SearchSettings
    confirm: ConfirmSettings | None = None

    @model_validator(mode="after")
    def _check_trials_fit_the_grid(self) -> "StudyDefinition":
        if self.search.sampler.name == "grid" and self.trials > self.n_grid_cells():
            raise ValueError(
                f"trials must be at most {self.n_grid_cells()}, the cells of the grid, "
                f"got {self.trials}"
            )
        return self

    @model_validator(mode="after")
    def _check_there_is_a_basis(self) -> "StudyDefinition":
        space = self.search.space
        needing = [name for name in ("components", "whitening") if space.largest(name) > 0]
        needing += ["contrast"] if space.may_be("contrast", "scaled") else []
        if needing and self.data.basis == "pixels":
            raise ValueError(
                f"search.space.{needing[0]} needs a basis: set data.basis, "
                "such as { components = 300 }"
            )
        return self

    def cut(self) -> Cut:
        """How `hpsearch.data` shall cut the source."""
        data = self.data
        return Cut(
            n_train=data.train,
            n_validation=data.validation,
            n_test=data.test,
            basis=data.image_basis(),
            is_augmentable=self.search.space.changes_images,
            shuffle_seed=data.shuffle_seed,
            stratify=data.source == "folder" if data.stratify is None else data.stratify,
        )

    def n_grid_cells(self) -> int:
        """How many combinations the choices have."""
        spaces = self.search.space.searched().values()
        return math.prod(len(space.choices) for space in spaces if isinstance(space, Choices))

    def with_trials(self, trials: int) -> "StudyDefinition":
        """The same study with another number of trials, checked again."""
        return type(self).model_validate(self.model_dump() | {"trials": trials})

    def meaning(self) -> dict[str, Any]:
        """All that the result of trial k depends on, as plain JSON values.

        The description is left out, and so are the number of trials, as a longer study begins
        with the trials of a shorter one, what is confirmed when all of them have ended, and
        where own images lie, as the checksum of the data tells what they are.
        """
        left_out: Any = {"description": True, "trials": True, "confirm": True, "data": {"folder"}}
        return self.model_dump(mode="json", exclude=left_out)
