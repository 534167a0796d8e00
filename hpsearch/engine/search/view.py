"""View of a study that holds exactly the trials that trial k may know."""

import contextlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection, load_study
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.foundations.metrics import Direction

__all__ = ["known_trials", "open_view", "quiet_optuna", "read_system_attrs", "start_view_trial"]


def known_trials(trials: Iterable[FrozenTrial], number: int, lag: int) -> list[FrozenTrial]:
    """List the trials that trial `number` may know: numbered ``number - lag`` or lower.

    Raises
    ------
    ValueError
        If one of them has not finished: trial `number` was requested too early.
    """
    known = [trial for trial in trials if trial.number <= number - lag]
    for trial in known:
        if not trial.state.is_finished():
            raise ValueError(f"trial {number} may not start before trial {trial.number} ends")
    return known


def start_view_trial(
    name: str,
    known: Sequence[FrozenTrial],
    number: int,
    direction: Direction,
    *,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
    distributions: Mapping[str, BaseDistribution] | None = None,
) -> Trial:
    """Start trial `number` of an in-memory study that also holds the `known` trials.

    Optuna's samplers and pruners work on that study as on any other.

    Parameters
    ----------
    name : str
        The real study's name; Hyperband assigns trials to brackets by it.
    known : sequence of FrozenTrial
        Finished trials; never changed.
    number : int
        The trial's number.
    direction : Direction
        Whether larger or smaller values are better.
    sampler, pruner : optional
        Of the view; Optuna's defaults if omitted.
    distributions : mapping, optional
        Hyperparameters that the sampler is to propose.

    Returns
    -------
    optuna.trial.Trial
        Running, with the proposed `params`.
    """
    study = open_view(name, known, number, direction, sampler=sampler, pruner=pruner)
    return study.ask(fixed_distributions=dict(distributions or {}))


def open_view(
    name: str,
    known: Sequence[FrozenTrial],
    number: int,
    direction: Direction,
    *,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> optuna.Study:
    """Open the in-memory study whose next trial is trial `number`; see `start_view_trial`."""
    storage = _ViewStorage(known, number)
    with quiet_optuna():
        storage.create_new_study([StudyDirection[direction.upper()]], name)
    return load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)


def read_system_attrs(trial: Trial) -> dict[str, Any]:
    """Read what Optuna's sampler or pruner stored on `trial` for later trials."""
    attrs: dict[str, Any] = trial.storage.get_trial_system_attrs(trial._trial_id)
    return attrs


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Suppress Optuna's log messages about the creation of studies."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


class _ViewStorage(InMemoryStorage):
    """In-memory storage of the running trial that lists known trials by reference, uncopied."""

    def __init__(self, known: Sequence[FrozenTrial], number: int) -> None:
        super().__init__()
        self._known = known
        self._running_number = number

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = super().create_new_trial(study_id, template_trial)
        super().get_trial(trial_id).number = self._running_number
        return trial_id

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        running = super().get_all_trials(study_id, deepcopy=deepcopy)
        return [
            trial for trial in (*self._known, *running) if states is None or trial.state in states
        ]
