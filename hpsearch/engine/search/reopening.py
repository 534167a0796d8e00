"""Reopening failed trials, to be run again under their numbers.

Optuna does not allow changes of a finished trial. So a journal gets a line about the trial which
`forget_failures` interprets and Optuna ignores; in a database the trial's rows are changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from optuna.storages.journal._storage import JournalOperation as Code
from optuna.trial import TrialState

from hpsearch.engine.records import Retry
from hpsearch.engine.search.trial_attributes import describe_retries, has_retries, keep_attributes

__all__ = ["Retries", "forget_failures", "make_logs"]

# All failures of each trial to reopen, by Optuna's trial id.
Retries: TypeAlias = Mapping[int, Sequence[Retry]]
Log: TypeAlias = dict[str, Any]

_WRITER = "reopening"  # not an id of Optuna's workers, which Optuna would check to own the trial


def make_logs(retries: Retries) -> list[Log]:
    """Make the journal lines that mark trials as reopened for `forget_failures`."""
    return [
        {
            "op_code": Code.SET_TRIAL_USER_ATTR.value,
            "worker_id": _WRITER,
            "trial_id": trial_id,
            "user_attr": describe_retries(failures),
        }
        for trial_id, failures in retries.items()
    ]


def forget_failures(logs: list[Log]) -> list[Log]:
    """Remove the failures of reopened trials from `logs`, all lines of a journal."""
    reopened_at = {
        log["trial_id"]: index
        for index, log in enumerate(logs)
        if log.get("worker_id") == _WRITER and has_retries(log.get("user_attr", {}))
    }
    if not reopened_at:
        return logs
    kept: list[Log] = []
    n_trials = 0
    for index, log in enumerate(logs):
        trial_id = log.get("trial_id")
        if log["op_code"] == Code.CREATE_TRIAL:
            trial_id, n_trials = n_trials, n_trials + 1
        end = reopened_at.get(trial_id, -1) if trial_id is not None else -1
        if index < end:
            if (rest := _keep(log)) is not None:
                kept.append(rest)
            continue
        kept.append(log)
        if index == end:
            kept.append(_wait(log))
    return kept


def _keep(log: Log) -> Log | None:
    """Return what is kept of a line about a trial from before it was reopened."""
    code = log["op_code"]
    if code in (Code.SET_TRIAL_STATE_VALUES, Code.SET_TRIAL_INTERMEDIATE_VALUE):
        return None
    if code == Code.SET_TRIAL_USER_ATTR:
        attributes = keep_attributes(log["user_attr"])
        return log | {"user_attr": attributes} if attributes else None
    if code == Code.CREATE_TRIAL and "state" in log:  # copied from another storage
        how_it_ended = ("state", "value", "values", "intermediate_values", "datetime_complete")
        rest = {name: value for name, value in log.items() if name not in how_it_ended}
        return rest | {"user_attrs": keep_attributes(log.get("user_attrs", {}))}
    return log


def _wait(log: Log) -> Log:
    return {
        "op_code": Code.SET_TRIAL_STATE_VALUES.value,
        "worker_id": _WRITER,
        "trial_id": log["trial_id"],
        "state": TrialState.WAITING.value,
        "values": None,
    }
