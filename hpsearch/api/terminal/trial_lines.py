"""One line for each trial, confirmation and final training that ends."""

from collections.abc import Mapping
from typing import Any

from hpsearch.api.terminal.running import GAP
from hpsearch.engine.records import Confirmation, Refit, State, TrialRecord
from hpsearch.engine.scheduling import (
    ConfirmationEnded,
    ConfirmationReleased,
    Event,
    RefitEnded,
    RefitReleased,
    TrialEnded,
    TrialReleased,
)
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import shorten_duration, shorten_number

__all__ = ["describe_ended"]

_WIDTHS = (10, len("interrupted"))


def describe_ended(event: Event, metric: Metric, width: int | None = None) -> str | None:
    """Describe the trial that ended, or was interrupted, in one line; None for other events.

    Fields are separated by two or more spaces, which no field contains: trial, state, score,
    training time, epochs or reason, hyperparameters.

    Parameters
    ----------
    event : Event
        The event.
    metric : Metric
        Metric of the study.
    width : int, optional
        Width of the terminal, for which hyperparameters are left out, then the training time.
    """
    match event:
        case TrialEnded(record):
            return _join(_list_fields(record), record.searched, width)
        case ConfirmationEnded(one):
            return _join(_list_confirmation_fields(one, metric), {}, width)
        case RefitEnded(one):
            return _join(_list_refit_fields(one, metric), {}, width)
        case TrialReleased(number):
            return _join([f"trial {number}", State.WAITING.label], {}, width)
        case ConfirmationReleased(job):
            return _join([_name_confirmation(job.number, job.replicate), "interrupted"], {}, width)
        case RefitReleased(job):
            return _join([_name_refit(job.number), "interrupted"], {}, width)
    return None


def _list_fields(record: TrialRecord) -> list[str]:
    metric = record.metric
    return [
        f"trial {record.number}",
        record.state.label,
        f"{metric.val_name} {metric.format(record.value)}",
        f"{shorten_duration(record.duration_s):>10}",
        _explain(record),
    ]


def _explain(record: TrialRecord) -> str:
    """Describe how far a trial came, and why it ended there."""
    n, total = len(record.val_scores), record.hyperparameters.get("epochs", "?")
    if record.reason:
        # Fields are separated by two spaces.
        reason = " ".join(record.reason.split())
        return f"worker died: {reason}" if record.ended_by_machine else reason
    if record.diverged:
        return f"diverged, epoch {n + 1} of {total}"
    return f"{n} epochs" if record.state == State.COMPLETE else f"epoch {n} of {total}"


def _list_confirmation_fields(one: Confirmation, metric: Metric) -> list[str]:
    return [
        _name_confirmation(one.number, one.replicate),
        one.state.label,
        f"{metric.val_name} {metric.format(one.val_score)}",
        f"{shorten_duration(one.duration_s):>10}",
        " ".join((one.reason or "").split()) or ("diverged" if one.state == State.PRUNED else ""),
    ]


def _list_refit_fields(one: Refit, metric: Metric) -> list[str]:
    return [
        _name_refit(one.number),
        one.state.label,
        f"{metric.val_name} {metric.format(None)}",
        f"{shorten_duration(one.duration_s):>10}",
        " ".join((one.reason or "").split()) or ("diverged" if one.state == State.PRUNED else ""),
    ]


def _name_confirmation(number: int, replicate: int) -> str:
    return f"trial {number}, fresh seed {replicate}"


def _name_refit(number: int) -> str:
    return f"trial {number}, on all examples"


def _join(fields: list[str], setting: Mapping[str, Any], width: int | None) -> str:
    for index, least in enumerate(_WIDTHS):
        fields[index] = fields[index].ljust(least)
    settings = [f"{name}={shorten_number(value)}" for name, value in setting.items()]
    if width is None:
        return _space([*fields, " ".join(settings)])
    if len(_space(fields)) > width and len(fields) > len(_WIDTHS):
        del fields[-2]  # the training time
        fields[1] = fields[1].rstrip().ljust(len("complete"))
    line = _space(fields)
    gap = " " * GAP
    for one in settings:
        if len(line) + len(gap) + len(one) > width:
            break
        line, gap = f"{line}{gap}{one}", " "
    return line


def _space(fields: list[str]) -> str:
    return (" " * GAP).join(filter(None, fields)).rstrip()
