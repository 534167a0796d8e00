"""Diagnosis of one trial by its learning curves, as the assignment's notebook teaches.

Also by its place in the search space. Trainers diagnose their models themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from hpsearch.engine.definition import Choices, ParameterSpace, Range, SearchSpace
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.metrics import ACCURACY, Metric
from hpsearch.foundations.text import shorten_number
from hpsearch.trainers import Finding

__all__ = ["diagnose"]

# Fewer steps of SGD than this are too few to compare thirds of a training.
_MIN_STEPS = 12
# The loss falls nearly linearly if its fall between the last two thirds is at least this fraction
# of that between the first two.
_STRAIGHT = 0.6
_SMALL_GAP, _LARGE_GAP = 0.02, 0.1
# Training accuracy above which more capacity would not help.
_FITTED = 0.95
# Smallest change of accuracy that is reported.
_CHANGE = 0.01
# Fraction of a range, at either end, that counts as its edge.
_EDGE = 0.05
_NOTHING: Mapping[str, int] = MappingProxyType({})


def diagnose(
    epochs: Sequence[Epoch],
    hyperparameters: Mapping[str, Any],
    space: SearchSpace,
    found: Sequence[Finding] = (),
    metric: Metric = ACCURACY,
    capacity: Mapping[str, int] = _NOTHING,
) -> list[Finding]:
    """Diagnose a complete trial by its learning curves, its model and its hyperparameters.

    Parameters
    ----------
    epochs : sequence of Epoch
        All epochs of the trial; if empty, curves are not diagnosed.
    hyperparameters : mapping
        Hyperparameters of the trial.
    space : SearchSpace
        Search space of the study.
    found : sequence of Finding
        What the trainer found in its model.
    metric : Metric
        Metric of the study. Gap and end of the curve are diagnosed only for accuracy, as the
        thresholds depend on its scale.
    capacity : mapping
        See `Trainer.capacity`.

    Returns
    -------
    list of Finding
        In this order, each only if there is something to report: fall of the loss, gap between
        training and validation, end of the validation curve, what the trainer found, values at an
        edge of the search space.
    """
    findings: list[Finding] = []
    if epochs:
        findings += _read_loss(epochs)
    if epochs and metric is ACCURACY:
        if metric.train_name in epochs[-1].metrics:
            findings.append(_read_gap(epochs[-1], metric, capacity))
        findings += _read_end(epochs)
    return [*findings, *found, *_list_edges(hyperparameters, space)]


def _read_loss(epochs: Sequence[Epoch]) -> Iterator[Finding]:
    losses = np.array([loss for epoch in epochs for loss in epoch.step_losses])
    if len(losses) < _MIN_STEPS or not np.isfinite(losses).all():
        return
    first, middle, last = (float(third.mean()) for third in np.array_split(losses, 3))
    early, late = first - middle, middle - last
    figures = (
        f"Over the thirds of its {len(losses):,} steps train_loss is on average {first:.3f}, "
        f"{middle:.3f} and {last:.3f}"
    )
    if early > 0 and late >= _STRAIGHT * early:
        yield Finding(
            "The loss is still falling in nearly a straight line: the learning rate is low.",
            f"{figures}: from the second to the last it falls {late / early:.0%} as far as from "
            "the first to the second.",
            changes={"learning_rate": 1, "epochs": 1},
        )
    elif early > 0:
        yield Finding(
            "The loss falls fast and then levels off: the learning rate is not too low.",
            f"{figures}.",
        )
    else:
        yield Finding(
            "The loss does not fall: the learning rate is too high, or the regularization is.",
            f"{figures}.",
            changes={"learning_rate": -1},
        )


def _read_gap(last: Epoch, metric: Metric, capacity: Mapping[str, int]) -> Finding:
    train_score = last.measured(metric.train_name)
    gap = train_score - last.val_score
    figures = (
        f"In the last epoch train_accuracy is {train_score:.3f} and val_accuracy "
        f"{last.val_score:.3f}: {abs(gap):.3f} {'apart' if gap >= 0 else 'the other way'}."
    )
    if gap >= _LARGE_GAP:
        return Finding(
            "A large gap between training and validation accuracy: it overfits.",
            figures,
            changes={name: -sign for name, sign in capacity.items()} | {"epochs": -1},
        )
    if gap > _SMALL_GAP:
        return Finding(
            "A moderate gap between training and validation accuracy: capacity and "
            "regularization are in balance.",
            figures,
        )
    if train_score >= _FITTED:
        return Finding(
            "Hardly a gap, and nearly all training examples are right: little is left to gain.",
            figures,
        )
    return Finding(
        "No gap between training and validation accuracy: the capacity is low.",
        figures,
        changes={**capacity, "epochs": 1},
    )


def _read_end(epochs: Sequence[Epoch]) -> Iterator[Finding]:
    # Moving averages: the accuracy of a single epoch is as noisy as the trend is large.
    n = max(1, len(epochs) // 5)
    if len(epochs) < 2 * n:
        return
    accuracies = np.array([epoch.val_score for epoch in epochs])
    means = np.convolve(accuracies, np.full(n, 1 / n), mode="valid")
    peak, before, last = float(means.max()), float(means[-1 - n]), float(means[-1])
    over = f"the mean over {n} epoch{'' if n == 1 else 's'}"
    if peak - last > _CHANGE:
        yield Finding(
            "The validation accuracy is past its peak.",
            f"It was {peak:.3f} up to epoch {int(means.argmax()) + n} ({over}) and ended at "
            f"{last:.3f}.",
            changes={"epochs": -1},
        )
    elif last - before > _CHANGE:
        yield Finding(
            "The validation accuracy was still rising at the end.",
            f"It rose from {before:.3f} to {last:.3f} in the last {n} of {len(epochs)} epochs "
            f"({over}).",
            changes={"epochs": 1},
        )


def _list_edges(hyperparameters: Mapping[str, Any], space: SearchSpace) -> Iterator[Finding]:
    for name, searched in space.searched().items():
        value = hyperparameters[name]
        if edge := _find_edge(value, searched):
            end, limit = edge
            yield Finding(
                f"The best value of {name} is at the edge of the search space.",
                f"{name} is {shorten_number(value)}, at the {end} end of what was searched, "
                f"{shorten_number(limit)}.",
                changes={name: -1 if end == "lower" else 1},
            )


def _find_edge(value: object, searched: ParameterSpace) -> tuple[str, float] | None:
    """Return the end of its range that `value` is near, and its position; None if neither."""
    if isinstance(value, str) or not isinstance(value, int | float):
        return None
    if isinstance(searched, Choices):
        numbers = [choice for choice in searched.choices if not isinstance(choice, str)]
        low, high = min(numbers), max(numbers)
        place = {low: 0.0, high: 1.0}.get(value, 0.5) if len(numbers) > 2 else 0.5
    elif isinstance(searched, Range):
        low, high = searched.low, searched.high
        a, b, c = np.log([low, value, high]) if searched.log else (low, value, high)
        place = float((b - a) / (c - a))
    else:
        return None
    if _EDGE < place < 1 - _EDGE:
        return None
    return ("lower", low) if place <= _EDGE else ("upper", high)
