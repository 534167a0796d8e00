"""Recording of a worker's result in Optuna's trial."""

from hpsearch.objective.job import TrialResult
from hpsearch.search import RUNGS, Trial

__all__ = ["record_result"]


def record_result(trial: Trial, result: TrialResult) -> None:
    """Write `result` to `trial`, except the trial's final state.

    May be repeated, as happens if the coordinator died in the middle of it.

    Parameters
    ----------
    trial : optuna.trial.Trial
        A running trial.
    result : TrialResult
        What the worker returned.
    """
    reported = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for epoch in result.epochs:
        if epoch.number not in reported:
            trial.report(epoch.val_score, epoch.number)
    notes = {
        "duration_s": result.duration_s,
        "diverged": result.diverged,
        "net_sha256": result.net_sha256,
        "host": result.host,
        "versions": result.versions,
        "reason": result.reason,
        "ended_by_machine": result.ended_by_machine or None,
        RUNGS: result.rungs,
    }
    for key, value in notes.items():
        if value is not None:
            trial.set_user_attr(key, value)
