"""Conversion of Optuna's trials to records."""

from optuna.trial import FrozenTrial, TrialState

from hpsearch.metrics import Metric
from hpsearch.records import Retry, State, TrialRecord
from hpsearch.search.reopening import RETRIES

__all__ = ["read_trial"]

_STATES = {
    TrialState.WAITING: State.WAITING,
    TrialState.RUNNING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


def read_trial(trial: FrozenTrial, metric: Metric) -> TrialRecord:
    """Convert a trial to a record, with values of `metric`."""
    attrs = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        value=trial.value,
        hyperparameters=attrs.get("hyperparameters", trial.params),
        val_scores=tuple(value for _, value in sorted(trial.intermediate_values.items())),
        net_sha256=attrs.get("net_sha256"),
        duration_s=attrs.get("duration_s", 0.0),
        diverged=attrs.get("diverged", False),
        reason=attrs.get("reason"),
        versions=attrs.get("versions", {}),
        started_at=trial.datetime_start,
        ended_at=trial.datetime_complete,
        ended_by_machine=attrs.get("ended_by_machine", False),
        retries=tuple(
            Retry(**retry | {"known_to": tuple(retry["known_to"])})
            for retry in attrs.get(RETRIES, ())
        ),
        metric=metric,
        searched=trial.params,
    )
