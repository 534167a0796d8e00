"""From Optuna's trials to records."""

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hpsearch.records import State, TrialRecord

__all__ = ["read_trials"]

_STATES = {
    TrialState.WAITING: State.WAITING,
    TrialState.RUNNING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


def read_trials(study: Study) -> list[TrialRecord]:
    """All trials of `study`, by number."""
    return [_read(trial) for trial in study.get_trials(deepcopy=False)]


def _read(trial: FrozenTrial) -> TrialRecord:
    attrs = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        value=trial.value,
        hyperparameters=attrs.get("hyperparameters", trial.params),
        val_accuracies=tuple(value for _, value in sorted(trial.intermediate_values.items())),
        net_sha256=attrs.get("net_sha256"),
        duration_s=attrs.get("duration_s", 0.0),
        diverged=attrs.get("diverged", False),
        reason=attrs.get("reason"),
        versions=attrs.get("versions", {}),
        started_at=trial.datetime_start,
        ended_at=trial.datetime_complete,
    )
