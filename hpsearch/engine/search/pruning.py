"""Pruning: Optuna's pruners, and the rule that a worker applies to one trial."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.trial import FrozenTrial, Trial

from hpsearch.engine.definition import PrunerSettings, StudyDefinition
from hpsearch.engine.search.trial_attributes import read_rungs
from hpsearch.engine.search.view import known_trials, read_system_attrs, start_view_trial

__all__ = ["PruningRule", "make_pruner", "make_pruning_rule"]

_RUNG_PREFIX = "completed_rung_"


def make_pruner(definition: StudyDefinition) -> BasePruner:
    """Make a new pruner, as Optuna's keep state across trials that trial k may not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _make(definition.search.pruner, definition.search.space.max_epochs())


def _make(settings: PrunerSettings, max_epochs: int) -> BasePruner:
    match settings.name:
        case "none":
            return NopPruner()
        case "median":
            return MedianPruner(settings.n_startup_trials, settings.n_warmup_epochs)
        case "percentile":
            return PercentilePruner(
                settings.percentile, settings.n_startup_trials, settings.n_warmup_epochs
            )
        case "successive_halving":
            return SuccessiveHalvingPruner(settings.min_epochs, settings.reduction_factor)
        case "hyperband":
            return HyperbandPruner(settings.min_epochs, max_epochs, settings.reduction_factor)
        case "patient":
            wrapped = _make(settings.wrapped, max_epochs) if settings.wrapped else None
            return PatientPruner(wrapped, settings.patience, settings.min_delta)


@dataclass
class PruningRule:
    """Decides after each epoch of one trial whether to prune it.

    Plain data until the first call, so that it can be pickled for a worker.

    Parameters
    ----------
    definition : StudyDefinition
        The study's definition, with the pruner.
    number : int
        The trial's number.
    known : sequence of FrozenTrial
        The trials to compare with: those that the trial may know.
    """

    definition: StudyDefinition
    number: int
    known: Sequence[FrozenTrial]
    _trial: Trial | None = field(default=None, repr=False)

    def __call__(self, epoch: int, val_score: float) -> bool:
        """Whether to prune the trial after `epoch`; call once for each epoch, in order."""
        if self._trial is None:
            self._trial = start_view_trial(
                self.definition.name,
                self.known,
                self.number,
                self.definition.metric.direction,
                pruner=make_pruner(self.definition),
            )
        self._trial.report(val_score, epoch)
        return self._trial.should_prune()

    def rungs(self) -> dict[str, float]:
        """Return the rung values of successive halving, which later trials compete with."""
        attrs = read_system_attrs(self._trial) if self._trial else {}
        return {key: value for key, value in attrs.items() if key.startswith(_RUNG_PREFIX)}


def make_pruning_rule(
    definition: StudyDefinition, trials: Sequence[FrozenTrial], number: int
) -> PruningRule | None:
    """Make the pruning rule of trial `number`; None if the definition has no pruner."""
    if definition.search.pruner.name == "none":
        return None
    known = known_trials(trials, number, definition.lag)
    return PruningRule(definition, number, [_keep_curve(trial) for trial in known])


def _keep_curve(trial: FrozenTrial) -> FrozenTrial:
    """Reduce a finished trial to what pruners read, to keep jobs small."""
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=trial.state,
        value=trial.value,
        intermediate_values=trial.intermediate_values,
        system_attrs=read_rungs(trial),
        params={},
        distributions={},
        user_attrs={},
        datetime_start=None,
        datetime_complete=None,
    )
