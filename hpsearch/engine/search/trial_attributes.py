"""How a trial is kept in Optuna's storage: names, writing and reading of its attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.engine.records import Retry, State, TrialRecord
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.metrics import Metric

__all__ = [
    "OPTUNA_STATES",
    "Retries",
    "describe_retries",
    "has_retries",
    "keep_attributes",
    "read_rungs",
    "read_trial",
    "write_hyperparameters",
    "write_result",
]

# Names of the attributes. Recorded studies have them: a new name needs a new format of the record.
_HYPERPARAMETERS = "hyperparameters"
_DURATION = "duration_s"
_DIVERGED = "diverged"
_NET = "net_sha256"
_HOST = "host"
_VERSIONS = "versions"
_REASON = "reason"
_ENDED_BY_MACHINE = "ended_by_machine"
_RUNGS = "rungs"  # successive halving's values, which later trials are compared with
_RETRIES = "retries"  # the failures after which the trial was run again

# Attributes written before a trial is trained; all others are written at its end.
_KEPT = (_HYPERPARAMETERS,)

OPTUNA_STATES = {
    State.WAITING: TrialState.WAITING,
    State.RUNNING: TrialState.RUNNING,
    State.COMPLETE: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
    State.FAILED: TrialState.FAIL,
}
_STATES = {theirs: ours for ours, theirs in OPTUNA_STATES.items()}

# All failures of each trial to reopen, by Optuna's trial id.
Retries: TypeAlias = Mapping[int, Sequence[Retry]]


def write_hyperparameters(trial: Trial, hyperparameters: Mapping[str, Any]) -> None:
    """Write all hyperparameters of a trial that starts, those that are not searched included."""
    trial.set_user_attr(_HYPERPARAMETERS, dict(hyperparameters))


def write_result(trial: Trial, result: TrialResult) -> None:
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
    attributes = {
        _DURATION: result.duration_s,
        _DIVERGED: result.diverged,
        _NET: result.net_sha256,
        _HOST: result.host,
        _VERSIONS: result.versions,
        _REASON: result.reason,
        _ENDED_BY_MACHINE: result.ended_by_machine or None,
        _RUNGS: result.rungs,
    }
    for name, value in attributes.items():
        if value is not None:
            trial.set_user_attr(name, value)


def read_trial(trial: FrozenTrial, metric: Metric) -> TrialRecord:
    """Read the record of a trial, with values of `metric`."""
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        value=trial.value,
        hyperparameters=attributes.get(_HYPERPARAMETERS, trial.params),
        val_scores=tuple(value for _, value in sorted(trial.intermediate_values.items())),
        net_sha256=attributes.get(_NET),
        duration_s=attributes.get(_DURATION, 0.0),
        diverged=attributes.get(_DIVERGED, False),
        reason=attributes.get(_REASON),
        versions=attributes.get(_VERSIONS, {}),
        started_at=trial.datetime_start,
        ended_at=trial.datetime_complete,
        ended_by_machine=attributes.get(_ENDED_BY_MACHINE, False),
        retries=tuple(
            Retry(**retry | {"known_to": tuple(retry["known_to"])})
            for retry in attributes.get(_RETRIES, ())
        ),
        metric=metric,
        searched=trial.params,
    )


def read_rungs(trial: FrozenTrial) -> dict[str, float]:
    """Read the values of a finished trial at successive halving's rungs; empty without any."""
    rungs: dict[str, float] = trial.user_attrs.get(_RUNGS, {})
    return rungs


def keep_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Select the attributes of a failed trial that are kept when it is run again."""
    return {name: attributes[name] for name in _KEPT if name in attributes}


def describe_retries(retries: Sequence[Retry]) -> dict[str, Any]:
    """Make the attributes that a trial gets when it is run again after failures."""
    return {_RETRIES: [asdict(one) for one in retries]}


def has_retries(attributes: Mapping[str, Any]) -> bool:
    """Whether a trial with these attributes was run again after a failure."""
    return _RETRIES in attributes
