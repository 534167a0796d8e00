"""Copying a study from one Optuna storage to another, and deleting it."""

import warnings

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage

from hpsearch.engine.records import MLFLOW_ADDRESS
from hpsearch.engine.search.holding import HOLDER
from hpsearch.engine.search.search_study import SearchStudy
from hpsearch.engine.search.storage import translate_storage_errors
from hpsearch.engine.search.study_opening import IDENTITY_FIELDS
from hpsearch.engine.search.view import quiet_optuna
from hpsearch.foundations.errors import RefusedError

__all__ = ["copy_study", "delete_study"]

_COPY_OF = "copy_of"


def copy_study(search: SearchStudy, storage: BaseStorage) -> int:
    """Copy `search` into `storage`: numbers, states, values, attributes; the original stays.

    Like `optuna.copy_study`, except that the attribute that marks a study as this program's is
    written last: an incomplete copy, left by a crash, is recognised and replaced.

    Parameters
    ----------
    search : SearchStudy
        Held by this process, so that no trial of it is running.
    storage : optuna storage
        Destination.

    Returns
    -------
    int
        Number of trials.

    Raises
    ------
    RefusedError
        If `storage` has a study of that name.
    """
    name = search.definition.name
    if name in optuna.get_all_study_names(storage):
        there = optuna.load_study(study_name=name, storage=storage)
        if there.user_attrs.get(IDENTITY_FIELDS) is not None or not _is_part_of(there, search):
            raise RefusedError(f"{name}: a study of that name is there already; nothing was copied")
        optuna.delete_study(study_name=name, storage=storage)
    original = search.optuna_study
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        metric = search.definition.metric
        copy = optuna.create_study(study_name=name, storage=storage, direction=metric.direction)
        copy.set_user_attr(_COPY_OF, name)
        copy.set_metric_names([metric.val_name])
        trials = original.get_trials(deepcopy=False)
        copy.add_trials(trials)
    # The copy has neither an MLflow server nor a holder yet.
    left_out = (MLFLOW_ADDRESS, IDENTITY_FIELDS, HOLDER)
    notes = {k: v for k, v in original.user_attrs.items() if k not in left_out}
    for key, value in notes.items():
        copy.set_user_attr(key, value)
    copy.set_user_attr(IDENTITY_FIELDS, original.user_attrs[IDENTITY_FIELDS])
    return len(trials)


def delete_study(name: str, storage: BaseStorage) -> None:
    """Delete the study `name`, which this process holds, from `storage`.

    Raises
    ------
    StoreError
        If the storage fails.
    """
    with quiet_optuna(), translate_storage_errors(name):
        optuna.delete_study(study_name=name, storage=storage)


def _is_part_of(there: optuna.Study, search: SearchStudy) -> bool:
    """Whether `there` is an incomplete copy of `search`."""
    return there.user_attrs.get(_COPY_OF) == search.definition.name
