"""A storage for a study's only writer, which does not read back what it has written."""

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

from hpsearch.engine.search.trial_attributes import Retries

if TYPE_CHECKING:
    from hpsearch.engine.search.database_connection import Patience

__all__ = ["SoleWriterStorage"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _locked(
    method: Callable[Concatenate["SoleWriterStorage", Arguments], Result],
) -> Callable[Concatenate["SoleWriterStorage", Arguments], Result]:
    """Let one thread at a time into this and the other locked methods."""

    @functools.wraps(method)
    def call(
        self: "SoleWriterStorage", /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        with self._lock:
            return method(self, *args, **kwargs)

    return call


def _delegate(name: str) -> Any:
    """Make a method that calls the database's method `name`, retried while the server is away."""

    def call(self: "SoleWriterStorage", *args: Any, **kwargs: Any) -> Any:
        return self._call(name, *args, **kwargs)

    return call


@dataclass(frozen=True)
class _Write:
    """A buffered write about a trial."""

    trial_id: int
    make: Callable[[], object]


class SoleWriterStorage(BaseStorage):
    """A storage for the only program that writes a study.

    Trials are read once and cached, and the cache is updated with each write; Optuna's storage for
    databases reads all unfinished trials again at each access, about ten times per trial. Writes
    that belong together go into one transaction, with the change of state that follows them.
    While the server is unreachable, calls are retried. A call whose result was lost may have
    succeeded: as nobody else writes, reading the database shows whether it has.

    One thread writes; any may read.

    Parameters
    ----------
    database : optuna storage
        The database's.
    in_one_transaction : callable
        Returns a context inside which `database` writes everything in one transaction.
    patience : Patience
        Retries calls.
    reopen : callable, optional
        Resets the rows of trials to reopen; returns a storage with an empty cache.
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
        self._buffer: list[_Write] = []
        self._is_holding = False
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Buffer writes about trials until one changes its state, or until the end."""
        self._is_holding = True
        try:
            yield
        finally:
            self._is_holding = False
            self._flush()

    @contextlib.contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        """Write what goes to the database inside, such as a new study, in one transaction."""
        with self._lock, self._in_one_transaction():
            yield

    @_locked
    def reopen_trials(self, retries: Retries) -> None:
        """Return failed trials to the queue; all trials are read again."""
        assert self._reopen is not None
        reopen = self._reopen
        self._database = self._patience.persist(lambda _: reopen(retries))
        self._studies.clear()
        self._study_of.clear()

    @_locked
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial: only one, even if the call is retried."""
        n_before = len(self._trials(study_id))

        def create(is_again: bool) -> int:
            if is_again:
                now = self._database.get_all_trials(study_id, deepcopy=False)
                if len(now) > n_before:
                    return now[-1]._trial_id
            return self._database.create_new_trial(study_id, template_trial)

        trial_id = self._patience.persist(create)
        self._remember(study_id, self._call("get_trial", trial_id))
        return trial_id

    @_locked
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Change a trial's state and write the buffer, in one transaction."""
        writes, self._buffer = self._buffer, []

        def change(is_again: bool) -> bool:
            if is_again and self._database.get_trial(trial_id).state == state:
                return True
            with self._in_one_transaction():
                for write in writes:
                    write.make()
                return self._database.set_trial_state_values(trial_id, state, values)

        has_changed = self._patience.persist(change)
        # The database sets the times of start and end.
        trial = self._call("get_trial", trial_id)
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
        """Write an intermediate value of a trial."""
        trial = self._change(trial_id)
        trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}
        self._write("set_trial_intermediate_value", trial_id, step, intermediate_value)

    @_locked
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a user attribute of a trial."""
        trial = self._change(trial_id)
        trial.user_attrs = {**trial.user_attrs, key: _as_read(value)}
        self._write("set_trial_user_attr", trial_id, key, value)

    @_locked
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a system attribute of a trial, as Optuna does."""
        trial = self._change(trial_id)
        trial.system_attrs = {**trial.system_attrs, key: _as_read(value)}
        self._write("set_trial_system_attr", trial_id, key, value)

    @_locked
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial, from the cache if its study is there."""
        if trial_id not in self._study_of:
            trial: FrozenTrial = self._call("get_trial", trial_id)
            return trial
        return self._studies[self._study_of[trial_id]][trial_id]

    @_locked
    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials of a study by number, from the cache."""
        trials = [
            trial
            for trial in self._trials(study_id).values()
            if states is None or trial.state in states
        ]
        return copy.deepcopy(trials) if deepcopy else trials

    @_locked
    def delete_study(self, study_id: int) -> None:
        """Delete a study."""
        self._call("delete_study", study_id)
        for trial_id in self._studies.pop(study_id, {}):
            del self._study_of[trial_id]

    create_new_study = _delegate("create_new_study")
    set_study_user_attr = _delegate("set_study_user_attr")
    set_study_system_attr = _delegate("set_study_system_attr")
    get_study_id_from_name = _delegate("get_study_id_from_name")
    get_study_name_from_id = _delegate("get_study_name_from_id")
    get_study_directions = _delegate("get_study_directions")
    get_study_user_attrs = _delegate("get_study_user_attrs")
    get_study_system_attrs = _delegate("get_study_system_attrs")
    get_all_studies = _delegate("get_all_studies")

    @_locked
    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._patience.persist(lambda _: getattr(self._database, name)(*args, **kwargs))

    def _trials(self, study_id: int) -> dict[int, FrozenTrial]:
        """Return the study's trials by id, in the order of their numbers."""
        if study_id not in self._studies:
            for trial in self._call("get_all_trials", study_id, deepcopy=False):
                self._remember(study_id, trial)
            self._studies.setdefault(study_id, {})
        return self._studies[study_id]

    def _remember(self, study_id: int, trial: FrozenTrial) -> None:
        self._studies.setdefault(study_id, {})[trial._trial_id] = trial
        self._study_of[trial._trial_id] = study_id

    def _change(self, trial_id: int) -> FrozenTrial:
        """Replace a cached trial by a copy to be changed; trials handed out stay as they are."""
        trial = copy.copy(self.get_trial(trial_id))
        self.check_trial_is_updatable(trial_id, trial.state)
        self._remember(self._study_of[trial_id], trial)
        return trial

    def _write(self, name: str, trial_id: int, *args: Any) -> None:
        make = functools.partial(getattr(self._database, name), trial_id, *args)
        self._buffer.append(_Write(trial_id, make))
        if not self._is_holding:
            self._flush()

    @_locked
    def _flush(self) -> None:
        writes, self._buffer = self._buffer, []

        def write_all(is_again: bool) -> None:
            if is_again and self._has(writes):
                return
            with self._in_one_transaction():
                for write in writes:
                    write.make()

        if writes:
            self._patience.persist(write_all)

    def _has(self, writes: Sequence[_Write]) -> bool:
        """Whether the database has the buffered writes: all of them, or none."""
        trial_ids = {write.trial_id for write in writes}
        return all(self._database.get_trial(one) == self.get_trial(one) for one in trial_ids)


def _as_read(value: Any) -> Any:
    """Return `value` as read back from the database, which stores JSON."""
    return json.loads(json.dumps(value))
