"""Optuna's pruners, made from a definition."""

import warnings

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

from hpsearch.engine.definition import PrunerSettings, StudyDefinition

__all__ = ["make_pruner"]


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
