"""Patience with a database server that restarts: what failed for want of it is done again."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
)

__all__ = ["PatientStorage"]

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)
# Between two tries; a server takes seconds to restart.
_PAUSE_S = 0.5


def _patiently(name: str) -> Any:
    """The storage's method of that name, tried again while the server is away."""

    def call(self: "PatientStorage", *args: Any, **kwargs: Any) -> Any:
        return self._persist(lambda: getattr(self._inner, name)(*args, **kwargs))

    return call


class PatientStorage(BaseStorage):
    """A storage on a server, for one writer, that waits for the server to come back.

    Most calls may simply be made twice. For the two that may not it looks whether the first
    call had got through before its answer was lost; as nobody else writes, that is certain.

    Parameters
    ----------
    inner : optuna storage
        The storage itself.
    patience_s : float
        How long one call may wait for the server; then its error is raised.
    """

    def __init__(self, inner: BaseStorage, patience_s: float) -> None:
        self._inner = inner
        self._patience_s = patience_s

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial: one, whether or not an answer was lost."""
        trials = self.get_all_trials(study_id, deepcopy=False)

        def create() -> int:
            now = self._inner.get_all_trials(study_id, deepcopy=False)
            if len(now) > len(trials):
                return now[-1]._trial_id
            return self._inner.create_new_trial(study_id, template_trial)

        return self._persist(create)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change a trial's state, unless a call whose answer was lost has done so."""
        n_tries = 0

        def change() -> bool:
            nonlocal n_tries
            n_tries += 1
            if n_tries > 1 and self._inner.get_trial(trial_id).state == state:
                return True
            return self._inner.set_trial_state_values(trial_id, state, values)

        return self._persist(change)

    create_new_study = _patiently("create_new_study")
    delete_study = _patiently("delete_study")
    set_study_user_attr = _patiently("set_study_user_attr")
    set_study_system_attr = _patiently("set_study_system_attr")
    get_study_id_from_name = _patiently("get_study_id_from_name")
    get_study_name_from_id = _patiently("get_study_name_from_id")
    get_study_directions = _patiently("get_study_directions")
    get_study_user_attrs = _patiently("get_study_user_attrs")
    get_study_system_attrs = _patiently("get_study_system_attrs")
    get_all_studies = _patiently("get_all_studies")
    set_trial_param = _patiently("set_trial_param")
    set_trial_intermediate_value = _patiently("set_trial_intermediate_value")
    set_trial_user_attr = _patiently("set_trial_user_attr")
    set_trial_system_attr = _patiently("set_trial_system_attr")
    get_trial = _patiently("get_trial")
    get_all_trials = _patiently("get_all_trials")
    get_trial_id_from_study_id_trial_number = _patiently("get_trial_id_from_study_id_trial_number")

    def _persist(self, attempt: Callable[[], Answer]) -> Answer:
        gives_up_at: float | None = None
        while True:
            try:
                return attempt()
            except Exception as error:
                if not _is_for_want_of_the_server(error):
                    raise
                now = time.monotonic()
                if gives_up_at is None:
                    gives_up_at = now + self._patience_s
                    _log.warning("the storage is away; waiting up to %.0f s", self._patience_s)
                if now >= gives_up_at:
                    raise
                time.sleep(_PAUSE_S)


def _is_for_want_of_the_server(error: BaseException | None) -> bool:
    """Whether a lost or refused connection is at the bottom of `error`."""
    while error is not None:
        # The last is what a session says that lost its connection between two statements.
        if isinstance(error, OperationalError | InterfaceError | PendingRollbackError):
            return True
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return True
        error = error.__cause__
    return False
