"""Hyperparameter importances, by Optuna."""

import sys
import warnings
from importlib import import_module

import optuna

__all__ = ["import_importances", "measure_importances"]

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


def measure_importances(study: optuna.Study) -> dict[str, float]:
    """Estimate the importance of each hyperparameter for the metric, in descending order.

    Optuna's default, PED-ANOVA (Watanabe et al. 2023), over the complete trials.

    Returns
    -------
    dict
        Name to importance; they sum to 1. Empty if there are too few trials, or if no
        hyperparameter stands out: Optuna would then return equal importances, as if they had been
        measured.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=_EQUAL_BY_DEFAULT)
        try:
            return optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError, ZeroDivisionError, UserWarning):
            return {}
