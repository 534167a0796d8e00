"""Fold a journal: merge the lines of each trial into one equivalent line."""

from enum import IntEnum
from typing import Any, TypeAlias

from optuna.trial import TrialState

__all__ = ["fold"]

Log: TypeAlias = dict[str, Any]


class _Code(IntEnum):
    """Operation codes of the lines of Optuna's journals."""

    CREATE_STUDY = 0
    DELETE_STUDY = 1
    CREATE_TRIAL = 4
    SET_PARAM = 5
    SET_STATE = 6
    SET_INTERMEDIATE = 7
    SET_USER_ATTR = 8
    SET_SYSTEM_ATTR = 9


_FINISHED = frozenset(state for state in TrialState if state.is_finished())
_TIMES = ("datetime_start", "datetime_complete")
_TRIAL_UPDATES = frozenset(code for code in _Code if code >= _Code.SET_PARAM)


def fold(logs: list[Log]) -> list[Log]:
    """Merge all lines about a trial into the line that creates it, in Optuna's format.

    Optuna copies a trial for each line about it, some thirty times; a trial that is created with
    all its values is read in a fraction of the time.

    Parameters
    ----------
    logs : list of dict
        All lines of a journal; modified in place.

    Returns
    -------
    list of dict
        The merged lines; `logs` unchanged if they are not those of one study by one writer.
    """
    if not _is_plain(logs):
        return logs
    folded: list[Log] = []
    trials: list[Log] = []
    for log in logs:
        if log["op_code"] in _TRIAL_UPDATES:
            _merge(log, trials[log["trial_id"]])
            continue
        if log["op_code"] == _Code.CREATE_TRIAL:
            trials.append(log)
        folded.append(log)
    return folded


def _is_plain(logs: list[Log]) -> bool:
    """Whether Optuna applies every line: it ignores invalid ones of concurrent writers."""
    n_studies = n_trials = 0
    distributions: dict[str, str] = {}
    for log in logs:
        code = log.get("op_code")
        if code in _TRIAL_UPDATES:
            if not 0 <= log["trial_id"] < n_trials:
                return False
            if code != _Code.SET_PARAM:
                continue
            own = {log["param_name"]: log["distribution"]}
        else:
            n_studies += code == _Code.CREATE_STUDY
            n_trials += code == _Code.CREATE_TRIAL
            if code == _Code.DELETE_STUDY or log.get("study_id", 0) != 0 or n_studies != 1:
                return False
            own = log.get("distributions", {})
        if any(distributions.setdefault(name, own[name]) != own[name] for name in own):
            return False
    return True


def _merge(log: Log, trial: Log) -> None:
    """Merge the update `log` into `trial`, the line that creates the trial."""
    state = trial.get("state", TrialState.RUNNING)
    if state in _FINISHED:
        return  # Optuna ignores updates of a finished trial
    code = log["op_code"]
    if code == _Code.SET_INTERMEDIATE:
        trial.setdefault("intermediate_values", {})[log["step"]] = log["intermediate_value"]
    elif code == _Code.SET_PARAM:
        name = log["param_name"]
        trial.setdefault("params", {})[name] = log["param_value_internal"]
        trial.setdefault("distributions", {})[name] = log["distribution"]
    elif code == _Code.SET_USER_ATTR:
        trial.setdefault("user_attrs", {}).update(log["user_attr"])
    elif code == _Code.SET_SYSTEM_ATTR:
        trial.setdefault("system_attrs", {}).update(log["system_attr"])
    elif not log["state"] == state == TrialState.RUNNING:
        trial["state"] = log["state"]
        trial.update((name, log[name]) for name in _TIMES if name in log)
        if log["values"] is not None:
            trial["value"], trial["values"] = None, log["values"]
