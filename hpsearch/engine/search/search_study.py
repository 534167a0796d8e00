"""A study in Optuna's storage: next trial, ask, finish, release."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import DATA, Retry, State, TrialRecord
from hpsearch.engine.search.journal import StudyJournal
from hpsearch.engine.search.pruning import PruningRule, make_pruning_rule
from hpsearch.engine.search.record_checksums import RecordChecksums
from hpsearch.engine.search.samplers import LaggedSampler
from hpsearch.engine.search.sole_writer import SoleWriterStorage
from hpsearch.engine.search.storage import telling_damage
from hpsearch.engine.search.trial_attributes import OPTUNA_STATES, read_trial
from hpsearch.engine.search.view import open_view

__all__ = ["DATA", "SearchStudy"]


class SearchStudy:
    """One study under the lag rule. Only the coordinator calls methods that write.

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
        # Adds checksums of attributes, if this process holds the study; see `watch_record`.
        self.checksums: RecordChecksums | None = None

    @classmethod
    def of_trials(
        cls,
        definition: StudyDefinition,
        trials: Sequence[FrozenTrial],
        notes: Mapping[str, Any] | None = None,
    ) -> "SearchStudy":
        """Make a study in memory from trials and attributes, to be read, not continued."""
        search = cls(
            definition, open_view(definition.name, trials, len(trials), definition.metric.direction)
        )
        for key, value in (notes or {}).items():
            search.note(key, value)
        return search

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the study's definition, trials and attributes, without its storage."""
        notes = self.optuna_study.user_attrs
        return SearchStudy.of_trials, (self.definition, self._trials(), notes)

    def records(self) -> list[TrialRecord]:
        """All trials so far, by number."""
        with telling_damage(self.definition.name):
            return [read_trial(trial, self.definition.metric) for trial in self._trials()]

    def trials(self) -> list[FrozenTrial]:
        """All trials so far as Optuna has them, by number; not to be changed."""
        return self._trials()

    def record(self, number: int) -> TrialRecord:
        """Record of trial `number`."""
        return read_trial(self._trials()[number], self.definition.metric)

    def writing_together(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that writes everything recorded inside atomically.

        In a database, starts of trials and changes of their states are written immediately, each in
        one transaction with what belongs to it.
        """
        storage = self.optuna_study._storage
        if isinstance(storage, StudyJournal | SoleWriterStorage):
            return storage.together()
        return contextlib.nullcontext()

    def next_number(self) -> int | None:
        """Return the next trial's number: the queue's first, else a new one; None at the end."""
        trials = self._trials()
        waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
        if waiting:
            return min(waiting)
        return len(trials) if len(trials) < self.definition.trials else None

    def may_start(self, number: int) -> bool:
        """Whether all trials that trial `number` may know have finished."""
        n_known = max(0, number - self.definition.lag + 1)
        known = self._trials()[:n_known]
        return len(known) == n_known and all(trial.state.is_finished() for trial in known)

    def ask(self) -> Trial:
        """Start the next trial. Its hyperparameters are the same whenever it starts."""
        return self.optuna_study.ask()

    def propose_ahead(self, n_ahead: int) -> bool:
        """Make a proposal for a trial that may start soon, before a worker waits for it.

        Parameters
        ----------
        n_ahead : int
            Proposals to have ready at most.

        Returns
        -------
        bool
            Whether a proposal was made.
        """
        sampler, number = self.optuna_study.sampler, self.next_number()
        if number is None or not isinstance(sampler, LaggedSampler):
            return False
        trials = self._trials()
        if number < len(trials):  # from the queue: its hyperparameters are in the record
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
        """Return the rule by which a worker decides whether trial `number` continues."""
        return make_pruning_rule(self.definition, self._trials(), number)

    def finish(self, trial: Trial, state: State, value: float | None = None) -> None:
        """Record the end of `trial`; a pruned trial has the last value that it reported."""
        self.optuna_study.tell(trial, values=value, state=OPTUNA_STATES[state])

    def release(self, number: int) -> None:
        """Return a running trial to the queue."""
        trial_id = self._trials()[number]._trial_id
        self.optuna_study._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def reopen_failed(self) -> list[int]:
        """Return all failed trials to the queue, to be run again under their numbers.

        Each trial's record lists the later trials that were proposed with knowledge of its failure.

        Returns
        -------
        list of int
            Numbers of the trials.
        """
        failed = [record for record in self.records() if record.state == State.FAILED]
        trials = self._trials()
        retries = {}
        for record in failed:
            known_to = range(record.number + self.definition.lag, len(trials))
            retry = Retry(record.reason, record.ended_by_machine, tuple(known_to))
            retries[trials[record.number]._trial_id] = (*record.retries, retry)
        storage = self.optuna_study._storage
        for record in failed:
            if self.checksums:
                self.checksums.forget_trial(record.number)
        if retries:
            assert isinstance(storage, StudyJournal | SoleWriterStorage)
            storage.reopen_trials(retries)
        return [record.number for record in failed]

    def release_orphans(self) -> list[int]:
        """Return trials that a dead coordinator left running to the queue; list their numbers."""
        numbers = [t.number for t in self._trials() if t.state == TrialState.RUNNING]
        for number in numbers:
            self.release(number)
        return numbers

    @property
    def data_checksum(self) -> str | None:
        """Identity of the data that the study runs on."""
        checksum: str | None = self.attribute(DATA)
        return checksum

    def attribute(self, key: str) -> Any:
        """Value of the study attribute `key`, or None."""
        return self.optuna_study.user_attrs.get(key)

    def note(self, key: str, value: Any) -> None:
        """Set a study attribute; `value` must be plain JSON."""
        if self.checksums:
            self.checksums.add_note(key, value)
        self.optuna_study.set_user_attr(key, value)

    def _trials(self) -> list[FrozenTrial]:
        return self.optuna_study.get_trials(deepcopy=False)
