"""Format a `StudyDefinition` as a study file."""

from typing import Any

import tomli_w
from pydantic import BaseModel

from hpsearch.engine.definition.study import StudyDefinition
from hpsearch.engine.definition.trainer_settings import TrainerSettings
from hpsearch.foundations.errors import HpsearchError
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TRAINERS

__all__ = ["format_definition"]


def format_definition(definition: StudyDefinition) -> str:
    """Format `definition` as the shortest study file: keys at their defaults are left out."""
    try:
        trainer: type[Trainer] | None = definition.trainer.load()
    except HpsearchError:  # its module is not here: its defaults are not known
        trainer = None
    described = definition.model_dump(
        mode="json",
        exclude_defaults=True,
        exclude_none=True,
        exclude={"trainer": True, "search": {"space"}},
    )
    space = definition.search.space.model_dump(exclude_defaults=True)
    described["search"] = {
        **described.get("search", {}),
        "space": _drop(space, _list_default_values(trainer)),
    }
    if own := _describe_trainer(definition.trainer, trainer):
        described["trainer"] = own
    return tomli_w.dumps(described)


def _describe_trainer(settings: TrainerSettings, trainer: type[Trainer] | None) -> dict[str, Any]:
    own = {key: value for key, value in settings.settings.items() if value is not None}
    if trainer and trainer.Settings:
        own = _drop(own, _list_defaults(trainer.Settings))
    names = {path: name for name, path in TRAINERS.items()}
    if settings.path not in names:
        return {"class": settings.path, **own}
    if settings == TrainerSettings.default():
        return {}
    return {"name": names[settings.path], **own}


def _list_default_values(trainer: type[Trainer] | None) -> dict[str, Any]:
    """Return the defaults of a trainer's declared hyperparameters, by name."""
    if trainer is None or trainer.Hyperparameters is None:
        return {}
    return _list_defaults(trainer.Hyperparameters)


def _list_defaults(declared: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults of a declaration's fields, by name."""
    fields = declared.model_fields
    return {name: field.default for name, field in fields.items() if not field.is_required()}


def _drop(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return `values` without those that are at their defaults."""
    return {
        name: value
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    }
