"""A study in Optuna's storage: whose turn it is, asking, finishing, giving back."""

import contextlib
import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.definition import StudyDefinition, list_changes
from hpsearch.errors import RefusedError, UsageError
from hpsearch.records import State, TrialRecord
from hpsearch.search.journal import StudyJournal
from hpsearch.search.pruning import PruningRule, PruningRules
from hpsearch.search.records import read_trial
from hpsearch.search.samplers import LaggedSampler, check_sampler
from hpsearch.search.storage import telling_damage
from hpsearch.search.view import quiet_optuna
from hpsearch.wording import suggest

__all__ = ["SearchStudy", "create_or_continue_study", "list_study_names", "load_study"]

MEANING = "definition"
# What may change from run to run: the last one's is noted, for those who read without the file.
_TOTAL = "trials"
_CONFIRM = "confirm"
_DESCRIPTION = "description"
_FOLDER = "folder"
_DATA = "data_checksum"
_FINAL = {
    State.COMPLETE: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
    State.FAILED: TrialState.FAIL,
}


class SearchStudy:
    """One study under law 1. Only the coordinator calls what writes.

    Parameters
    ----------
    definition : StudyDefinition
        What is searched, and how.
    study : optuna.Study
        Where it is recorded; its sampler is a `LaggedSampler`.
    """

    def __init__(self, definition: StudyDefinition, study: optuna.Study) -> None:
        self.definition = definition
        self.optuna_study = study
        self._rules = PruningRules(definition)

    def records(self) -> list[TrialRecord]:
        """All trials so far, by number."""
        with telling_damage(self.definition.name):
            return [read_trial(trial) for trial in self._trials()]

    def record(self, number: int) -> TrialRecord:
        """One trial."""
        return read_trial(self._trials()[number])

    def writing_together(self) -> contextlib.AbstractContextManager[None]:
        """Record what is recorded inside at once: wholly or not at all.

        Databases write each thing as it comes.
        """
        storage = self.optuna_study._storage
        return storage.together() if isinstance(storage, StudyJournal) else contextlib.nullcontext()

    def next_number(self) -> int | None:
        """The trial whose turn it is: one given back, else a new one; None if none is left."""
        trials = self._trials()
        waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
        if waiting:
            return min(waiting)
        return len(trials) if len(trials) < self.definition.trials else None

    def may_start(self, number: int) -> bool:
        """Whether all that trial `number` must know has finished."""
        n_known = max(0, number - self.definition.lag + 1)
        known = self._trials()[:n_known]
        return len(known) == n_known and all(trial.state.is_finished() for trial in known)

    def ask(self) -> Trial:
        """Start the trial whose turn it is. Its hyperparameters are the same every time."""
        return self.optuna_study.ask()

    def propose_ahead(self, n_ahead: int) -> bool:
        """Make a proposal for a trial that may start soon, while nobody waits for it.

        Parameters
        ----------
        n_ahead : int
            Proposals to have ready at most.

        Returns
        -------
        bool
            Whether there was one to make.
        """
        sampler, number = self.optuna_study.sampler, self.next_number()
        if number is None or not isinstance(sampler, LaggedSampler):
            return False
        trials = self._trials()
        if number < len(trials):  # given back: its hyperparameters are in the record
            return False
        while sampler.has_proposed(number):
            number += 1
        if (
            sampler.n_ahead >= n_ahead
            or number >= self.definition.trials
            or not self.may_start(number)
        ):
            return False
        sampler.propose_ahead(trials, number)
        return True

    def pruning_rule(self, number: int) -> PruningRule | None:
        """What decides in the worker whether trial `number` goes on."""
        return self._rules.make(self._trials(), number)

    def finish(self, trial: Trial, state: State, value: float | None = None) -> None:
        """Record how `trial` ended; pruned trials take the last value reported."""
        self.optuna_study.tell(trial, values=value, state=_FINAL[state])

    def release(self, number: int) -> None:
        """Give a running trial back: it waits to be started again under its number."""
        trial_id = self._trials()[number]._trial_id
        self.optuna_study._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def release_orphans(self) -> list[int]:
        """Give back all trials that a dead coordinator left running; their numbers."""
        numbers = [t.number for t in self._trials() if t.state == TrialState.RUNNING]
        for number in numbers:
            self.release(number)
        return numbers

    @property
    def data_checksum(self) -> str | None:
        """Identity of the data that the study runs on."""
        checksum: str | None = self.attribute(_DATA)
        return checksum

    def attribute(self, key: str) -> Any:
        """What was noted about the study under `key`, or None."""
        return self.optuna_study.user_attrs.get(key)

    def note(self, key: str, value: Any) -> None:
        """Note something about the study; `value` must be plain JSON."""
        self.optuna_study.set_user_attr(key, value)

    def _trials(self) -> list[FrozenTrial]:
        return self.optuna_study.get_trials(deepcopy=False)


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
        search.note(_DATA, data_checksum)
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
    if search.attribute(_DATA) != data_checksum:
        changes.append(f"data: {search.attribute(_DATA)} -> {data_checksum}")
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
