"""Diagnosis of one trial by its learning curves, as the assignment's notebook teaches.

Also by its net, which may have dead hidden units, and its place in the search space.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.definition import Choices, ParameterSpace, Range, SearchSpace
from hpsearch.metrics import ACCURACY, Metric
from hpsearch.results.examination import Examination
from hpsearch.training import Epoch, Hyperparameters
from hpsearch.wording import shorten_number

__all__ = ["Finding", "diagnose"]

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
# Smallest fraction of dead hidden units that is reported.
_MANY_DEAD = 0.1
# Fraction of a range, at either end, that counts as its edge.
_EDGE = 0.05


@dataclass(frozen=True)
class Finding:
    """One finding of a diagnosis.

    Parameters
    ----------
    claim : str
        The observation and its interpretation.
    evidence : str
        The figures that support it.
    advice : str
        What to try; empty if nothing is wrong.
    """

    claim: str
    evidence: str
    advice: str = ""


def diagnose(
    epochs: Sequence[Epoch],
    hyperparameters: Hyperparameters,
    space: SearchSpace,
    examination: Examination | None = None,
    metric: Metric = ACCURACY,
) -> list[Finding]:
    """Diagnose a complete trial by its learning curves, its net and its hyperparameters.

    Parameters
    ----------
    epochs : sequence of Epoch
        All epochs of the trial; if empty, curves are not diagnosed.
    hyperparameters : Hyperparameters
        Hyperparameters of the trial.
    space : SearchSpace
        Search space of the study.
    examination : Examination, optional
        Examination of its net on the validation examples.
    metric : Metric
        Metric of the study. Gap and end of the curve are diagnosed only for accuracy, as the
        thresholds depend on its scale.

    Returns
    -------
    list of Finding
        In this order, each only if there is something to report: fall of the loss, gap between
        training and validation, end of the validation curve, dead units, values at an edge of
        the search space.
    """
    findings: list[Finding] = []
    if epochs:
        findings += _read_loss(epochs)
    if epochs and metric is ACCURACY:
        findings += [_read_gap(epochs[-1]), *_read_end(epochs)]
    if examination:
        findings += _read_units(examination, hyperparameters)
    return findings + list(_list_edges(hyperparameters, space))


def _read_loss(epochs: Sequence[Epoch]) -> Iterator[Finding]:
    losses = np.array([loss for epoch in epochs for loss in epoch.iteration_losses])
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
            "Try a higher learning_rate, less decay, or more epochs.",
        )
    elif early > 0:
        yield Finding(
            "The loss falls fast and then levels off: the learning rate is not too low.",
            f"{figures}.",
        )
    else:
        yield Finding(
            "The loss does not fall: the learning rate is too high, or reg is.",
            f"{figures}.",
            "Try a lower learning_rate.",
        )


def _read_gap(last: Epoch) -> Finding:
    gap = last.train_score - last.val_score
    figures = (
        f"In the last epoch train_accuracy is {last.train_score:.3f} and val_accuracy "
        f"{last.val_score:.3f}: {abs(gap):.3f} {'apart' if gap >= 0 else 'the other way'}."
    )
    if gap >= _LARGE_GAP:
        return Finding(
            "A large gap between training and validation accuracy: it overfits.",
            figures,
            "Try more reg or another regularisation, fewer units, or fewer epochs.",
        )
    if gap > _SMALL_GAP:
        return Finding(
            "A moderate gap between training and validation accuracy: capacity and "
            "regularisation are in balance.",
            figures,
        )
    if last.train_score >= _FITTED:
        return Finding(
            "Hardly a gap, and nearly all training images are right: little is left to gain.",
            figures,
        )
    return Finding(
        "No gap between training and validation accuracy: the capacity is low.",
        figures,
        "Try a larger hidden_size, less reg, or longer training.",
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
            "Try fewer epochs, or a learning_rate that falls faster.",
        )
    elif last - before > _CHANGE:
        yield Finding(
            "The validation accuracy was still rising at the end.",
            f"It rose from {before:.3f} to {last:.3f} in the last {n} of {len(epochs)} epochs "
            f"({over}).",
            "Try more epochs.",
        )


def _read_units(examination: Examination, hyperparameters: Hyperparameters) -> Iterator[Finding]:
    dead, n_hidden = examination.n_dead, examination.n_hidden
    if dead < _MANY_DEAD * n_hidden:
        return
    remedy = "soft_threshold" if hyperparameters.soft_threshold else "learning_rate"
    yield Finding(
        f"Of the hidden units {dead / n_hidden:.0%} do nothing.",
        f"{dead:,} of {n_hidden:,} say the same of each of {examination.n_images:,} images."
        if examination.n_nets == 1
        else f"{dead:,} of the {n_hidden:,} in the nets of {examination.n_nets} folds say the"
        " same of each example of their fold.",
        f"Try a lower {remedy}, which keeps more of them at work, or a smaller hidden_size.",
    )


def _list_edges(hyperparameters: Hyperparameters, space: SearchSpace) -> Iterator[Finding]:
    for name, searched in space.searched().items():
        value = getattr(hyperparameters, name)
        if edge := _find_edge(value, searched):
            end, limit = edge
            yield Finding(
                f"{name} is best at the edge of the search space: widen it.",
                f"{name} is {shorten_number(value)}, at the {end} end of what was searched, "
                f"{shorten_number(limit)}.",
                f"Search {'lower' if end == 'lower' else 'higher'} values too, if there are any.",
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
