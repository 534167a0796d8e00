"""One recommendation for the next search, from a diagnosis and the search's own best trials."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.definition import SearchSpace
from hpsearch.engine.records import TrialRecord, rank
from hpsearch.trainers import Finding

__all__ = ["Recommendation", "recommend"]

# Fewer complete trials say nothing about a trend among the better half of them.
_MIN_TRIALS = 16
# Critical value of Spearman's rank correlation at the two-sided 5 % level, times sqrt(n - 1).
_CRITICAL = 1.96
_WORDS = {1: "a higher", -1: "a lower", 0: ""}


@dataclass(frozen=True)
class Recommendation:
    """A change of one hyperparameter for the next search, or that none is justified.

    Parameters
    ----------
    name : str
        The hyperparameter.
    direction : int
        +1 for higher values, -1 for lower ones, 0 for no change.
    reasons : tuple of str
        Claims of the findings, and what the search's trials say.
    """

    name: str
    direction: int
    reasons: tuple[str, ...]


def recommend(
    findings: Sequence[Finding],
    records: Sequence[TrialRecord],
    space: SearchSpace,
    hyperparameters: Mapping[str, Any],
) -> list[Recommendation]:
    """Combine the changes that findings suggest into one for each hyperparameter.

    Findings judge one trial's curves, each by itself, so they may contradict each other. Where they
    do, or where the scores of the better half of the trials fall in the suggested direction, the
    trials decide; without a significant trend among them nothing is changed.

    Parameters
    ----------
    findings : sequence of Finding
        Diagnosis of the best trial.
    records : sequence of TrialRecord
        All trials.
    space : SearchSpace
        Search space of the study.
    hyperparameters : mapping
        Hyperparameters of the best trial; suggestions for others are ignored.

    Returns
    -------
    list of Recommendation
        In the order of the findings that suggest them.
    """
    votes: dict[str, list[tuple[int, str]]] = {}
    for finding in findings:
        for name, direction in finding.changes.items():
            if name in hyperparameters:
                votes.setdefault(name, []).append((direction, finding.claim.rstrip(".")))
    return [
        _decide(name, cast, _find_trend(name, records) if name in space.searched() else 0)
        for name, cast in votes.items()
    ]


def _decide(name: str, votes: Sequence[tuple[int, str]], trend: int) -> Recommendation:
    directions = {direction for direction, _ in votes}
    claims = tuple(claim for _, claim in votes)
    better = f"among the better half of the trials, {_WORDS[trend]} {name} scores better"
    if len(directions) > 1:
        if not trend:
            return Recommendation(name, 0, (*claims, "these contradict each other"))
        agreeing = tuple(claim for direction, claim in votes if direction == trend)
        return Recommendation(name, trend, (*agreeing, better))
    (direction,) = directions
    if trend == -direction:
        return Recommendation(name, 0, (*claims, f"but {better}"))
    return Recommendation(name, direction, (*claims, better) if trend else claims)


def _find_trend(name: str, records: Sequence[TrialRecord]) -> int:
    """Find whether the better half of the trials score better with higher or lower values.

    Returns
    -------
    int
        +1 or -1 if the rank correlation with the score is significant at the 5 % level, else 0.
    """
    complete = rank(records)
    if len(complete) < _MIN_TRIALS:
        return 0
    better = complete[: len(complete) // 2]
    values = list(_list_numbers(name, better))
    if len(values) != len(better):
        return 0
    scores = [record.metric.sign * (record.value or 0.0) for record in better]
    correlation = _correlate(_rank(values), _rank(scores))
    is_significant = abs(correlation) * np.sqrt(len(better) - 1) > _CRITICAL
    return int(np.sign(correlation)) if is_significant else 0


def _list_numbers(name: str, records: Sequence[TrialRecord]) -> Iterator[float]:
    for record in records:
        value = record.hyperparameters.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield float(value)


def _rank(values: Sequence[float]) -> NDArray[np.float64]:
    """Return ranks; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return ranks


def _correlate(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
