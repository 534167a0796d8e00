"""How much each hyperparameter mattered, in Optuna's estimate."""

import warnings

import optuna

from hpsearch.importing import import_to_stay

__all__ = ["import_importances", "measure_importances"]

# What Optuna warns of when it gives equal shares for want of anything found.
_EQUAL_BY_DEFAULT = "Target and region quantiles select the same|The number of trials is too small"


def import_importances() -> None:
    """Import what `measure_importances` needs, in a process that is the program's own.

    Optuna's other estimates grow random forests, for which it would import scikit-learn: a second.
    They cannot be made in this process then.
    """
    import_to_stay("optuna.importance", without=("sklearn",))


def measure_importances(study: optuna.Study) -> dict[str, float]:
    """Share of each hyperparameter in what made the accuracies differ, largest first.

    Optuna's default, PED-ANOVA (Watanabe et al. 2023), over the complete trials.

    Returns
    -------
    dict
        Name to share; the shares sum to 1. Empty if there are too few trials, or if none stands
        out: Optuna would then give all the same share, as if it had found that.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=_EQUAL_BY_DEFAULT)
        try:
            return optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError, ZeroDivisionError, UserWarning):
            return {}
