"""The definition of a study: everything its result depends on."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from hpsearch.datasets import Preparation, Schema, SplitSpec
from hpsearch.engine.definition.data_settings import DataSettings
from hpsearch.engine.definition.parameter import Choices
from hpsearch.engine.definition.search_settings import (
    NoPruner,
    PrunerSettings,
    SamplerSettings,
    Tpe,
)
from hpsearch.engine.definition.search_space import SearchSpace, UnreadSpace, read_space
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.metrics import Metric, metric_of
from hpsearch.foundations.tables import Table
from hpsearch.foundations.text import suggest

__all__ = ["ConfirmSettings", "SearchSettings", "StudyDefinition"]


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
    space: Annotated[SearchSpace, BeforeValidator(read_space)]
    first: Annotated[tuple[dict[str, bool | float | str], ...], Field(strict=False)] = ()

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
        Threads of one trial. Those of BLAS change rounding, so they are part of the definition.
    trainer : TrainerSettings
        What is trained.
    data : DataSettings
        The examples.
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
    trainer: TrainerSettings = Field(default_factory=TrainerSettings.default)
    data: DataSettings
    search: SearchSettings
    confirm: ConfirmSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_tables(cls, given: Any) -> Any:
        """Read a table `training` as fixed values of the search space; mark a space to be read.

        A recorded definition has been read before. It is restored without the trainer's class.
        """
        match given:
            case {"training": dict(fixed), "search": {"space": dict(space), **search}, **rest}:
                given = {**rest, "search": {**search, "space": {**fixed, **space}}}
        match given:
            case {"trainer": {"path": _}}:
                return given
            case {"search": {"space": dict(space), **search}, **rest}:
                return {**rest, "search": {**search, "space": UnreadSpace(space)}}
        return given

    @model_validator(mode="after")
    def _check_trials_fit_grid(self) -> "StudyDefinition":
        if self.search.sampler.name == "grid" and self.trials > self.n_grid_cells():
            raise ValueError(
                f"trials must be at most {self.n_grid_cells()}, the cells of the grid, "
                f"got {self.trials}"
            )
        return self

    @field_validator("search", mode="before")
    @classmethod
    def _read_space_of_trainer(cls, given: Any, info: ValidationInfo) -> Any:
        match given:
            case {"space": UnreadSpace(space), **others}:
                settings = info.data.get("trainer")
                trainer = settings.load() if settings else None
                return {**others, "space": UnreadSpace(space, trainer)}
        return given

    @property
    def metric(self) -> Metric:
        """Metric that the study optimizes."""
        return metric_of(self.data.task)

    def split_spec(self) -> SplitSpec:
        """Return how `hpsearch.datasets` is to split the source."""
        return self.data.split_spec()

    def preparation(self) -> Preparation:
        """Return what the trainer derives from the training examples, for `hpsearch.datasets`.

        Raises
        ------
        UsageError
            If the trainer cannot be imported.
        """
        return self.trainer.preparation(self.search.space)

    def check(
        self,
        where: str,
        schema: Schema | None = None,
        prepared: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Check that the trainer suits the search space, and the data if they are known.

        Parameters
        ----------
        where : str
            Beginning of the error message.
        schema : Schema, optional
            Shape of an example, columns and classes.
        prepared : mapping, optional
            Arrays that the trainer derived from the training examples, by name.

        Raises
        ------
        UsageError
            In one line: what was given, and what was expected.
        """
        trainer = self.trainer.load()
        try:
            values = self.search.space.named_values()
            trainer.check_space(self.trainer.settings, values, schema, prepared or {})
        except ValueError as error:
            raise UsageError(f"{where}{error}") from error

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
        of own data and of the trainer's source, which their checksums identify.
        """
        left_out: Any = {
            "description": True,
            "trials": True,
            "confirm": True,
            "data": {"folder", "path"},
            "trainer": {"folder"},
        }
        return self.model_dump(mode="json", exclude=left_out)
