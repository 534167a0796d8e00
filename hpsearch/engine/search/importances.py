"""Hyperparameter importances, by Optuna."""

import sys
import warnings
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import optuna
from optuna.trial import TrialState

__all__ = ["Importance", "import_importances", "measure_importances"]

_N_RESAMPLES = 40
# With fewer complete trials the intervals are as wide as the axis.
_MIN_TRIALS = 20

# Optuna's warnings when it returns equal importances because it cannot measure them.
_EQUAL_BY_DEFAULT = "Target and region quantiles select the same|The number of trials is too small"


def import_importances() -> None:
    """Import what `measure_importances` needs, without scikit-learn.

    Optuna imports it for its other evaluators, which use random forests and cannot be used in
    this process afterwards. That takes a third of the time in which the page is written.
    """
    if "sklearn" in sys.modules:
        return
    # Documented by Python: an import of a name with None there raises ModuleNotFoundError.
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import_module("optuna.importance")
    finally:
        del sys.modules["sklearn"]


@dataclass(frozen=True)
class Importance:
    """Importance of a hyperparameter: its share, and a 90 % bootstrap interval."""

    share: float
    low: float
    high: float


def measure_importances(study: optuna.Study) -> dict[str, Importance]:
    """Estimate the importance of each hyperparameter for the metric, in descending order.

    Optuna's default, PED-ANOVA (Watanabe et al. 2023), over the complete trials; the intervals are
    percentiles over resamples of them.

    Returns
    -------
    dict
        Importances by name; their shares sum to 1. Empty if there are fewer than 20 complete
        trials, or if no hyperparameter stands out: Optuna would then return equal importances, as
        if they had been measured.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < _MIN_TRIALS:
        return {}
    shares = _measure(study)
    rng = np.random.default_rng(0)  # the page of a study is always the same
    quiet = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        resampled = []
        for _ in range(_N_RESAMPLES if shares else 0):
            drawn = optuna.create_study(direction=study.direction)
            drawn.add_trials([complete[i] for i in rng.integers(0, len(complete), len(complete))])
            resampled.append(_measure(drawn))
    finally:
        optuna.logging.set_verbosity(quiet)
    intervals = {
        name: np.quantile([one[name] for one in resampled if one] or [0.0, 1.0], [0.05, 0.95])
        for name in shares
    }
    return {name: Importance(share, *map(float, intervals[name])) for name, share in shares.items()}


def _measure(study: optuna.Study) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": the intervals say how much
        warnings.filterwarnings("error", message=_EQUAL_BY_DEFAULT)
        try:
            return optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError, ZeroDivisionError, UserWarning):
            return {}
