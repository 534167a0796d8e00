"""Opening studies in Optuna's storage: a study's definition is recorded once, never changed."""

import uuid
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

from hpsearch.engine.definition import OWN_SOURCES, StudyDefinition, list_changes
from hpsearch.engine.records import DATA, IDENTITY_FIELDS, RECORD_ID
from hpsearch.engine.search.journal import StudyJournal
from hpsearch.engine.search.journal_checksums import check_lines
from hpsearch.engine.search.samplers import LaggedSampler, check_sampler
from hpsearch.engine.search.search_study import SearchStudy
from hpsearch.engine.search.storage import creating_study, telling_damage
from hpsearch.engine.search.view import quiet_optuna
from hpsearch.foundations.errors import RefusedError, StoreError, UsageError
from hpsearch.foundations.text import suggest

__all__ = ["IDENTITY_FIELDS", "create_or_continue_study", "list_study_names", "load_study"]

# What may change from run to run: the latest is recorded, for commands without the study file.
_TOTAL = "trials"
_CONFIRM = "confirm"
_DESCRIPTION = "description"
_FOLDER = "folder"
_TRAINER_FOLDER = "trainer_folder"
_CHANGEABLE = (_TOTAL, _CONFIRM, _DESCRIPTION, _FOLDER, _TRAINER_FOLDER)
_OURS = frozenset({RECORD_ID, IDENTITY_FIELDS, DATA, *_CHANGEABLE})


def create_or_continue_study(
    definition: StudyDefinition, storage: BaseStorage, *, data_checksum: str
) -> SearchStudy:
    """Create the study, or continue it if its definition and data are unchanged.

    Parameters
    ----------
    definition : StudyDefinition
        What to search. Number of trials, description and confirmations may change, and are
        updated in the record.
    storage : optuna storage
        Where to record it.
    data_checksum : str
        Identity of the prepared data.

    Raises
    ------
    RefusedError
        If the study exists with another definition or on other data (names what changed), or
        another program wrote it; nothing is written then.
    UsageError
        If the sampler's extra is not installed.
    """
    check_sampler(definition)
    name = definition.name
    with telling_damage(name):
        if not _is_recorded(name, storage):
            _create(definition, storage, data_checksum)
        study = optuna.load_study(
            study_name=name,
            storage=storage,
            sampler=LaggedSampler(definition),
            pruner=optuna.pruners.NopPruner(),
        )
    search = SearchStudy(definition, study)
    _refuse_changes(search, data_checksum)
    for key, value in _list_changeable(definition).items():
        if search.attribute(key) != value:
            search.note(key, value)
    return search


def list_study_names(storage: BaseStorage) -> list[str]:
    """Names of all studies in a storage, in alphabetical order; other programs' too."""
    return sorted(optuna.get_all_study_names(storage))


def load_study(name: str, storage: BaseStorage) -> SearchStudy:
    """Load a study with its definition when it last ran.

    Raises
    ------
    UsageError
        If the storage has no study of that name; the message lists the names it has.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        _refuse_damaged(name, storage)
        names = list_study_names(storage)
        hint = suggest(name, names) if names else "; there are none yet"
        raise UsageError(f"{name}: expected the name of a study that has run{hint}") from error
    attrs = study.user_attrs
    if not _is_ours(attrs) or _TOTAL not in attrs:
        _refuse_damaged(name, storage)
        raise UsageError(f"{name}: expected a study of this program, found another in the storage")
    with telling_damage(name):
        changeable = {
            "trials": attrs[_TOTAL],
            "confirm": attrs.get(_CONFIRM),
            "description": attrs.get(_DESCRIPTION, ""),
        }
        definition = _restore(
            attrs[IDENTITY_FIELDS] | changeable, attrs.get(_FOLDER), attrs.get(_TRAINER_FOLDER)
        )
    study.sampler = LaggedSampler(definition)
    return SearchStudy(definition, study)


def _is_recorded(name: str, storage: BaseStorage) -> bool:
    """Whether the storage has the study, written by this program."""
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        _refuse_damaged(name, storage)
        return False
    if _is_ours(study.user_attrs):
        return True
    _refuse_damaged(name, storage)
    attrs = study.user_attrs
    is_begun = (
        not study.trials
        and _OURS.issuperset(attrs)
        and isinstance(attrs.get(IDENTITY_FIELDS, {}), dict)
    )
    if isinstance(storage, StudyJournal) and is_begun:
        return False  # the machine failed when only the first of its lines were on disk
    raise RefusedError(
        f"{name}: the storage has a study of this name that hpsearch did not write "
        f"({len(study.trials)} trials); it was left as it is; expected another name for one of "
        "the two, or another --storage"
    )


def _refuse_damaged(name: str, storage: BaseStorage) -> None:
    """Raise a `StoreError` if a journal in which a study is not found was changed."""
    if isinstance(storage, StudyJournal):
        for problem in check_lines(storage.path):
            raise StoreError(f"{name}: the record is damaged: {problem}; restore {storage.path}")


def _create(definition: StudyDefinition, storage: BaseStorage, data_checksum: str) -> None:
    """Create the study with all attributes that mark it as this program's, atomically."""
    with creating_study(storage), quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(
            study_name=definition.name,
            storage=storage,
            direction=definition.metric.direction,
            load_if_exists=True,
        )
        study.set_metric_names([definition.metric.val_name])
        notes = {
            RECORD_ID: uuid.uuid4().hex,
            **_list_changeable(definition),
            IDENTITY_FIELDS: definition.identity_fields(),
            DATA: data_checksum,
        }
        for key, value in notes.items():
            study.set_user_attr(key, value)


def _list_changeable(definition: StudyDefinition) -> dict[str, Any]:
    """List what may change from run to run, by the attribute in which it is recorded."""
    return {
        _TOTAL: definition.trials,
        _CONFIRM: definition.confirm.model_dump() if definition.confirm else None,
        _DESCRIPTION: definition.description,
        _FOLDER: definition.data.place,
        _TRAINER_FOLDER: definition.trainer.folder,
    }


def _is_ours(attrs: Mapping[str, Any]) -> bool:
    """Whether a study with these attributes was written by this program."""
    return isinstance(attrs.get(IDENTITY_FIELDS), dict) and DATA in attrs


def _refuse_changes(search: SearchStudy, data_checksum: str) -> None:
    name = search.definition.name
    # Validated by the model, which adds defaults for keys that are newer than the record.
    identity_fields = {**search.attribute(IDENTITY_FIELDS), "trials": 1}
    place = search.attribute(_FOLDER) or search.definition.data.place
    recorded = _restore(identity_fields, place, search.definition.trainer.folder)
    changes = list_changes(recorded.identity_fields(), search.definition.identity_fields())
    if search.attribute(DATA) != data_checksum:
        changes.append(f"data: {search.attribute(DATA)} -> {data_checksum}")
    if changes:
        raise RefusedError(
            f"{name}: the study exists with another definition ({'; '.join(changes)}); "
            "give the changed study another name, or put the file back as it was"
        )


def _restore(
    recorded: dict[str, Any], folder: str | None, trainer_folder: str | None
) -> StudyDefinition:
    """Return the recorded definition, with the places of the user's own data and trainer."""
    if "trainer" not in recorded:
        raise RefusedError(
            f"{recorded.get('name')}: recorded by an older version of hpsearch, whose studies this "
            "one cannot continue or read; finish it with that version, or give the study another "
            "name"
        )
    recorded = recorded | {"trainer": recorded["trainer"] | {"folder": trainer_folder}}
    source = recorded["data"]["source"]
    if source in OWN_SOURCES:
        key = "folder" if source == "folder" else "path"
        recorded = recorded | {"data": recorded["data"] | {key: folder}}
    return StudyDefinition.model_validate(recorded)
