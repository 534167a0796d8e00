"""Settings of a study's trainer: which class, and its own settings."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from hpsearch.datasets import Preparation
from hpsearch.engine.definition.search_space import SearchSpace
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.tables import Table
from hpsearch.foundations.text import suggest
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TRAINERS, TrainerSpec, find_trainer_file, hash_source

__all__ = ["TrainerSettings"]

_DEFAULT = "two_layer_net"


class TrainerSettings(Table):
    """What is trained. A study file gives `name` or `class`, and keys of the trainer itself.

    Parameters
    ----------
    path : str
        Import path of the class, ``module:Class``.
    folder : str, optional
        Folder that the module is imported from before all others: the study file's.
    source_sha256 : str, optional
        Hash of its source; None for trainers of this package.
    settings : dict
        The trainer's own keys, with their values.
    """

    path: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    folder: str | None = None
    source_sha256: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)

    keys: ClassVar[tuple[str, ...]] = ("name", "class", "folder")

    @classmethod
    def default(cls) -> "TrainerSettings":
        """Return the settings of a study file without a table ``[trainer]``."""
        return cls.model_validate({})

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        """Read the table of a study file; settings read before, or recorded, stay as they are."""
        if not isinstance(given, dict) or "path" in given:
            return given
        if "name" in given and "class" in given:
            raise ValueError("expected name or class, got both")
        own = {key: value for key, value in given.items() if key not in cls.keys}
        if "class" in given:
            path, folder = given["class"], given.get("folder")
        else:
            name, folder = given.get("name", _DEFAULT), None
            if name not in TRAINERS:
                raise ValueError(
                    f"there is no trainer {name!r}{suggest(str(name), TRAINERS)}; for one of your "
                    'own write class = "module:Class"'
                )
            path = TRAINERS[name]
        spec = TrainerSpec(str(path), Path(folder) if folder else None)
        try:
            trainer = spec.find_class()
        except UsageError as error:
            raise ValueError(str(error)) from error
        settings = _read_settings(trainer, own)
        trainer.with_settings(settings)  # raises if it refuses them
        return {
            "path": path,
            "folder": folder,
            "source_sha256": (
                hash_source(find_trainer_file(spec), spec.module) if "class" in given else None
            ),
            "settings": settings,
        }

    @property
    def label(self) -> str:
        """Name of the trainer for people: ``two_layer_net``, or the name of its class."""
        names = {path: name for name, path in TRAINERS.items()}
        return names.get(self.path, self.path.rpartition(":")[2])

    def spec(self) -> TrainerSpec:
        """Return the trainer as plain values, for jobs."""
        folder = Path(self.folder) if self.folder else None
        return TrainerSpec(self.path, folder, self.source_sha256, self.settings)

    def load(self) -> type[Trainer]:
        """Import the trainer's class; see `TrainerSpec.load`."""
        return self.spec().load()

    def preparation(self, space: SearchSpace) -> Preparation:
        """Return what the trainer derives from training examples for a study on `space`."""
        plan = self.load().plan_preparation(self.settings, space.named_values())
        return self.spec().preparation(plan)


def _read_settings(trainer: type[Trainer], given: dict[str, Any]) -> dict[str, Any]:
    """Check the trainer's own keys, and fill in their defaults."""
    if trainer.Settings is None:
        if given:
            raise ValueError(f"{trainer.__name__} has no settings, got {', '.join(given)}")
        return {}
    read: BaseModel = trainer.Settings.model_validate(given)
    return read.model_dump(mode="json", exclude_none=True)
