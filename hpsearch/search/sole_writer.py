"""A database as a study's one writer sees it: what it wrote itself it need not ask for."""

import contextlib
import copy
import functools
import json
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from hpsearch.search.reopening import Retries

if TYPE_CHECKING:
    from hpsearch.search.patience import Patience

__all__ = ["SoleWriterStorage"]

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def _locked(
    method: Callable[Concatenate["SoleWriterStorage", Arguments], Answer],
) -> Callable[Concatenate["SoleWriterStorage", Arguments], Answer]:
    """Let one thread at a time into `method` and the others that are locked."""

    @functools.wraps(method)
    def call(
        self: "SoleWriterStorage", /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer:
        with self._lock:
            return method(self, *args, **kwargs)

    return call


def _passed_on(name: str) -> Any:
    """The database's method of that name, called again while the server is away."""

    def call(self: "SoleWriterStorage", *args: Any, **kwargs: Any) -> Any:
        return self._ask(name, *args, **kwargs)

    return call


@dataclass(frozen=True)
class _Write:
    """Something to be written about a trial."""

    trial_id: int
    make: Callable[[], object]


class SoleWriterStorage(BaseStorage):
    """A storage for the one program that writes a study.

    Trials are read once and then kept level with what is written; Optuna's storage for
    databases reads all that have not ended anew for each question, some ten for each trial.
    What is written together goes into one transaction, with the change of state that ends it.
    While the server is away it is waited for. A call whose answer was lost may have got through:
    as nobody else writes, looking there tells for certain.

    One thread writes; any may read.

    Parameters
    ----------
    database : optuna storage
        The database's.
    in_one_transaction : callable
        Makes a context inside which `database` writes all or nothing.
    patience : Patience
        With the server.
    reopen : callable, optional
        Changes the rows of trials to reopen; returns a storage that has read none of them yet.
    """

    def __init__(
        self,
        database: BaseStorage,
        in_one_transaction: Callable[[], contextlib.AbstractContextManager[None]],
        patience: "Patience",
        reopen: Callable[[Retries], BaseStorage] | None = None,
    ) -> None:
        self._database = database
        self._in_one_transaction = in_one_transaction
        self._patience = patience
        self._reopen = reopen
        self._studies: dict[int, dict[int, FrozenTrial]] = {}
        self._study_of: dict[int, int] = {}
        self._held: list[_Write] = []
        self._is_holding = False
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Hold back what is written about trials until one changes its state, or the end."""
        self._is_holding = True
        try:
            yield
        finally:
            self._is_holding = False
            self._write_held()

    @contextlib.contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        """Write all that is passed on to the database inside, such as a new study, or nothing."""
        with self._lock, self._in_one_transaction():
            yield

    @_locked
    def reopen_trials(self, retries: Retries) -> None:
        """Let failed trials wait to be run again; all trials are read anew."""
        assert self._reopen is not None
        reopen = self._reopen
        self._database = self._patience.persist(lambda _: reopen(retries))
        self._studies.clear()
        self._study_of.clear()

    @_locked
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial: one, whether or not an answer was lost."""
        n_before = len(self._trials(study_id))

        def create(is_again: bool) -> int:
            if is_again:
                now = self._database.get_all_trials(study_id, deepcopy=False)
                if len(now) > n_before:
                    return now[-1]._trial_id
            return self._database.create_new_trial(study_id, template_trial)

        trial_id = self._patience.persist(create)
        self._remember(study_id, self._ask("get_trial", trial_id))
        return trial_id

    @_locked
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change a trial's state, and write what was held back, in one transaction."""
        held, self._held = self._held, []

        def change(is_again: bool) -> bool:
            if is_again and self._database.get_trial(trial_id).state == state:
                return True
            with self._in_one_transaction():
                for write in held:
                    write.make()
                return self._database.set_trial_state_values(trial_id, state, values)

        has_changed = self._patience.persist(change)
        # The times of start and end are the database's to set.
        trial = self._ask("get_trial", trial_id)
        self._remember(self._study_of[trial_id], trial)
        return has_changed

    @_locked
    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Write a hyperparameter of a trial."""
        trial = self._change(trial_id)
        value = distribution.to_external_repr(param_value_internal)
        trial.params = {**trial.params, param_name: value}
        trial.distributions = {**trial.distributions, param_name: distribution}
        self._write("set_trial_param", trial_id, param_name, param_value_internal, distribution)

    @_locked
    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Write what a trial has reported."""
        trial = self._change(trial_id)
        trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}
        self._write("set_trial_intermediate_value", trial_id, step, intermediate_value)

    @_locked
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note something about a trial."""
        trial = self._change(trial_id)
        trial.user_attrs = {**trial.user_attrs, key: _as_read(value)}
        self._write("set_trial_user_attr", trial_id, key, value)

    @_locked
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note what Optuna notes about a trial."""
        trial = self._change(trial_id)
        trial.system_attrs = {**trial.system_attrs, key: _as_read(value)}
        self._write("set_trial_system_attr", trial_id, key, value)

    @_locked
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial, as it is known."""
        if trial_id not in self._study_of:
            trial: FrozenTrial = self._ask("get_trial", trial_id)
            return trial
        return self._studies[self._study_of[trial_id]][trial_id]

    @_locked
    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """All trials of a study, by number, as they are known."""
        trials = [
            trial
            for trial in self._trials(study_id).values()
            if states is None or trial.state in states
        ]
        return copy.deepcopy(trials) if deepcopy else trials

    @_locked
    def delete_study(self, study_id: int) -> None:
        """Delete a study."""
        self._ask("delete_study", study_id)
        for trial_id in self._studies.pop(study_id, {}):
            del self._study_of[trial_id]

    create_new_study = _passed_on("create_new_study")
    set_study_user_attr = _passed_on("set_study_user_attr")
    set_study_system_attr = _passed_on("set_study_system_attr")
    get_study_id_from_name = _passed_on("get_study_id_from_name")
    get_study_name_from_id = _passed_on("get_study_name_from_id")
    get_study_directions = _passed_on("get_study_directions")
    get_study_user_attrs = _passed_on("get_study_user_attrs")
    get_study_system_attrs = _passed_on("get_study_system_attrs")
    get_all_studies = _passed_on("get_all_studies")

    @_locked
    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._patience.persist(lambda _: getattr(self._database, name)(*args, **kwargs))

    def _trials(self, study_id: int) -> dict[int, FrozenTrial]:
        """The study's trials by identity, in the order of their numbers."""
        if study_id not in self._studies:
            for trial in self._ask("get_all_trials", study_id, deepcopy=False):
                self._remember(study_id, trial)
            self._studies.setdefault(study_id, {})
        return self._studies[study_id]

    def _remember(self, study_id: int, trial: FrozenTrial) -> None:
        self._studies.setdefault(study_id, {})[trial._trial_id] = trial
        self._study_of[trial._trial_id] = study_id

    def _change(self, trial_id: int) -> FrozenTrial:
        """A copy of the trial to change, in its place: who has the old one keeps it."""
        trial = copy.copy(self.get_trial(trial_id))
        self.check_trial_is_updatable(trial_id, trial.state)
        self._remember(self._study_of[trial_id], trial)
        return trial

    def _write(self, name: str, trial_id: int, *args: Any) -> None:
        make = functools.partial(getattr(self._database, name), trial_id, *args)
        self._held.append(_Write(trial_id, make))
        if not self._is_holding:
            self._write_held()

    @_locked
    def _write_held(self) -> None:
        held, self._held = self._held, []

        def write_all(is_again: bool) -> None:
            if is_again and self._has(held):
                return
            with self._in_one_transaction():
                for write in held:
                    write.make()

        if held:
            self._patience.persist(write_all)

    def _has(self, held: Sequence[_Write]) -> bool:
        """Whether the database has what was written: all of it, or nothing."""
        trial_ids = {write.trial_id for write in held}
        return all(self._database.get_trial(one) == self.get_trial(one) for one in trial_ids)


def _as_read(value: Any) -> Any:
    """What JSON makes of `value`, as which the database keeps it."""
    return json.loads(json.dumps(value))
