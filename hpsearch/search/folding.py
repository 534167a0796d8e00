"""Folding a journal: a trial's many lines into the one line that they come to."""

from enum import IntEnum
from typing import Any, TypeAlias

from optuna.trial import TrialState

__all__ = ["fold"]

Log: TypeAlias = dict[str, Any]


class _Code(IntEnum):
    """Optuna's, as its journals have them on disk."""

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
_OF_A_TRIAL = frozenset(code for code in _Code if code >= _Code.SET_PARAM)


def fold(logs: list[Log]) -> list[Log]:
    """What `logs` come to, in Optuna's own terms, with one line for each trial.

    Optuna copies a trial for each line about it, some thirty times; a trial that is created with
    all that it has is read in a fraction of the time.

    Parameters
    ----------
    logs : list of dict
        A journal from its first line on; changed.

    Returns
    -------
    list of dict
        `logs` as they were, if they are more than the record of one study by one writer.
    """
    if not _is_plain(logs):
        return logs
    folded: list[Log] = []
    trials: list[Log] = []
    for log in logs:
        if log["op_code"] in _OF_A_TRIAL:
            _add(log, trials[log["trial_id"]])
            continue
        if log["op_code"] == _Code.CREATE_TRIAL:
            trials.append(log)
        folded.append(log)
    return folded


def _is_plain(logs: list[Log]) -> bool:
    """Whether each line does what it says: Optuna passes over some of what others write."""
    n_studies = n_trials = 0
    distributions: dict[str, str] = {}
    for log in logs:
        code = log.get("op_code")
        if code in _OF_A_TRIAL:
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


def _add(log: Log, trial: Log) -> None:
    """Let `trial`, the line that creates it, say what `log` says of it."""
    state = trial.get("state", TrialState.RUNNING)
    if state in _FINISHED:
        return  # Optuna lets nothing change a finished trial
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
