"""Trials of an ablation study, grouped by the change from the full configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.engine.records import State, TrialRecord

__all__ = ["group_ablation"]


def group_ablation(
    records: Sequence[TrialRecord],
) -> tuple[list[float], dict[str, list[float]]]:
    """Group validation scores by the change from the full configuration, that of trial 0.

    Parameters
    ----------
    records : sequence of TrialRecord
        All trials of a study with the ablation sampler, in their order.

    Returns
    -------
    whole : list of float
        Validation scores of the complete trials with the full configuration.
    without : dict
        Validation scores of the complete trials with each change, by its description.
    """
    whole: list[float] = []
    without: dict[str, list[float]] = {}
    for record in records:
        if record.state == State.COMPLETE and record.value is not None:
            change = _describe_change(records[0].hyperparameters, record.hyperparameters)
            accuracies = without.setdefault(change, []) if change else whole
            accuracies.append(record.value)
    return whole, without


def _describe_change(whole: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Describe how `other` differs from `whole`."""
    changes = {name: other[name] for name, value in whole.items() if other[name] != value}
    return ", ".join(
        f"no {name}" if not isinstance(value, str) and not value else f"{name} = {value}"
        for name, value in changes.items()
    )
