"""Opening studies in Optuna's storage: what a study means is recorded once and never changes."""

import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

from hpsearch.definition import StudyDefinition, list_changes
from hpsearch.errors import RefusedError, UsageError
from hpsearch.search.samplers import LaggedSampler, check_sampler
from hpsearch.search.storage import telling_damage
from hpsearch.search.study import DATA, SearchStudy
from hpsearch.search.view import quiet_optuna
from hpsearch.wording import suggest

__all__ = ["MEANING", "create_or_continue_study", "list_study_names", "load_study"]

MEANING = "definition"
# What may change from run to run: the last one's is noted, for those who read without the file.
_TOTAL = "trials"
_CONFIRM = "confirm"
_DESCRIPTION = "description"
_FOLDER = "folder"


def create_or_continue_study(
    definition: StudyDefinition, storage: BaseStorage, *, data_checksum: str
) -> SearchStudy:
    """Create the study, or continue it if its meaning is what it was.

    Parameters
    ----------
    definition : StudyDefinition
        What to search; a changed number of trials is taken over, and what to confirm.
    storage : optuna storage
        Where.
    data_checksum : str
        Identity of the prepared data.

    Raises
    ------
    RefusedError
        If the study exists with another definition or on other data; names what changed.
    UsageError
        If the sampler's extra is not installed.
    """
    check_sampler(definition)
    with quiet_optuna(), telling_damage(definition.name):
        study = optuna.create_study(
            study_name=definition.name,
            storage=storage,
            sampler=LaggedSampler(definition),
            pruner=optuna.pruners.NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )
    search = SearchStudy(definition, study)
    if search.attribute(MEANING) is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(["val_accuracy"])
        search.note(DATA, data_checksum)
        search.note(MEANING, definition.meaning())
    _refuse_changes(search, data_checksum)
    confirm = definition.confirm.model_dump() if definition.confirm else None
    changeable = {
        _TOTAL: definition.trials,
        _CONFIRM: confirm,
        _DESCRIPTION: definition.description,
        _FOLDER: definition.data.folder,
    }
    for key, value in changeable.items():
        if search.attribute(key) != value:
            search.note(key, value)
    return search


def list_study_names(storage: BaseStorage) -> list[str]:
    """All studies in a storage, by name; other programs' too."""
    return sorted(optuna.get_all_study_names(storage))


def load_study(name: str, storage: BaseStorage) -> SearchStudy:
    """Load a study as it was defined when it last ran.

    Raises
    ------
    UsageError
        If the storage has no study of that name; names those that it has.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        names = list_study_names(storage)
        hint = suggest(name, names) if names else "; there are none yet"
        raise UsageError(f"{name}: expected the name of a study that has run{hint}") from error
    attrs = study.user_attrs
    if MEANING not in attrs or _TOTAL not in attrs:
        raise UsageError(f"{name}: expected a study of this program, found another in the storage")
    with telling_damage(name):
        changeable = {
            "trials": attrs[_TOTAL],
            "confirm": attrs.get(_CONFIRM),
            "description": attrs.get(_DESCRIPTION, ""),
        }
        definition = _restore(attrs[MEANING] | changeable, attrs.get(_FOLDER))
    study.sampler = LaggedSampler(definition)
    return SearchStudy(definition, study)


def _refuse_changes(search: SearchStudy, data_checksum: str) -> None:
    name = search.definition.name
    # Read through the model: keys that are newer than the record have their defaults there.
    meaning = {**search.attribute(MEANING), "trials": 1}
    recorded = _restore(meaning, search.attribute(_FOLDER) or search.definition.data.folder)
    changes = list_changes(recorded.meaning(), search.definition.meaning())
    if search.attribute(DATA) != data_checksum:
        changes.append(f"data: {search.attribute(DATA)} -> {data_checksum}")
    if changes:
        raise RefusedError(
            f"{name}: the study exists with another definition ({'; '.join(changes)}); "
            "give the changed study another name, or put the file back as it was"
        )


def _restore(recorded: dict[str, Any], folder: str | None) -> StudyDefinition:
    """The definition of what was recorded, with own images in `folder` if it has any."""
    if recorded["data"]["source"] == "folder":
        recorded = recorded | {"data": recorded["data"] | {"folder": folder}}
    return StudyDefinition.model_validate(recorded)
