"""Verdict on the best trial: corrected score, comparison with the runner-up, confirmations."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpsearch.engine.selection.bias_correction import Estimate
from hpsearch.foundations.metrics import ACCURACY, Metric

__all__ = [
    *("Confirmed", "RunnerUp", "Selection", "Verdict"),
    *("describe_verdict", "measure_uncertainty", "measure_verdict"),
]


@dataclass(frozen=True)
class RunnerUp:
    """Comparison of the second best trial with the best on the same examples.

    Parameters
    ----------
    number : int
        Number of the trial.
    val_score : float
        Its validation score.
    n_differ : int
        Number of examples whose scores differ; for accuracy, that exactly one net classifies
        correctly.
    p_value : float
        Of McNemar's exact test for accuracy, of a paired t-test for other metrics.
    """

    number: int
    val_score: float
    n_differ: int
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether the winner's lead is significant at the 5 % level."""
        return self.p_value < 0.05


@dataclass(frozen=True)
class Selection:
    """Selection of the best trial, with its score corrected for selection bias.

    Parameters
    ----------
    number : int
        Number of the trial.
    val_score : float
        Its recorded validation score.
    n_complete : int
        Number of complete trials that it was selected from.
    estimate : Estimate or None
        Corrected score, from the trials whose predictions are kept; None if the winner's are not.
    runner_up : RunnerUp or None
        The second best of those trials, if there is one.
    """

    number: int
    val_score: float
    n_complete: int
    estimate: Estimate | None = None
    runner_up: RunnerUp | None = None


@dataclass(frozen=True)
class Confirmed:
    """Confirmations of one trial on fresh seeds.

    Parameters
    ----------
    number : int
        Number of the trial.
    val_scores : tuple of float
        Validation scores of the complete confirmations.
    n_lost : int
        Number of confirmations that diverged or failed.
    """

    number: int
    val_scores: tuple[float, ...]
    n_lost: int

    @property
    def mean(self) -> float | None:
        """Mean of the validation scores, if there are any."""
        return statistics.fmean(self.val_scores) if self.val_scores else None

    @property
    def spread(self) -> float | None:
        """Standard deviation of two or more validation scores."""
        return statistics.stdev(self.val_scores) if len(self.val_scores) > 1 else None


@dataclass(frozen=True)
class Verdict:
    """Selection and confirmations of a study's best trials.

    Parameters
    ----------
    selection : Selection or None
        None before the study is complete, or if no trial is.
    confirmed : sequence of Confirmed
        Best trial first.
    metric : Metric
        Metric of the study.
    """

    selection: Selection | None = None
    confirmed: Sequence[Confirmed] = ()
    metric: Metric = ACCURACY


def describe_verdict(verdict: Verdict) -> list[str]:
    """Describe the verdict in lines of text: corrected score, runner-up, confirmations."""
    selection = verdict.selection
    lines = [*_describe_selection(selection, verdict.metric)] if selection else []
    for one in verdict.confirmed:
        is_winner = selection and selection.number == one.number
        whose = "" if is_winner else f"trial {one.number} "
        lines.append(f"{whose}{_describe_confirmed(one, verdict.metric)}")
    return lines


def measure_verdict(verdict: Verdict) -> dict[str, float]:
    """Return the best trial's corrected and confirmed scores by name, as far as they are known."""
    selection, name = verdict.selection, verdict.metric.val_name
    if selection is None:
        return {}
    scores = {}
    if selection.estimate:
        scores[f"{name}_corrected"] = selection.estimate.val_score
    for one in verdict.confirmed:
        if one.number == selection.number and one.mean is not None:
            scores[f"confirmed_{name}"] = one.mean
    return scores


def measure_uncertainty(verdict: Verdict) -> dict[str, float]:
    """Return intervals, p-value and spread of the verdict by name, as far as they are known."""
    selection, name = verdict.selection, verdict.metric.val_name
    if selection is None:
        return {}
    found: dict[str, float | None] = {}
    if estimate := selection.estimate:
        found |= {f"{name}_corrected_low": estimate.low, f"{name}_corrected_high": estimate.high}
    if selection.runner_up:
        found["runner_up_p_value"] = selection.runner_up.p_value
    for one in verdict.confirmed:
        if one.number == selection.number:
            found["confirmed_spread"] = one.spread
    return {name: value for name, value in found.items() if value is not None}


def _describe_selection(selection: Selection, metric: Metric) -> Iterator[str]:
    estimate, n_complete = selection.estimate, selection.n_complete
    head = f"{metric.val_name} {metric.format(selection.val_score)} (trial {selection.number})"
    if estimate is None:
        yield (
            f"{head}, not corrected for selection bias among {n_complete} trials: "
            "its validation predictions are not kept"
        )
        return
    interval = f"(95 % CI {metric.round(estimate.low)}-{metric.round(estimate.high)})"
    if n_complete == 1:
        yield f"{head}, the only complete trial {interval}"
    elif estimate.n_trials == 1:
        yield (
            f"{head}, not corrected for selection bias among {n_complete} trials: "
            f"no other trial's validation predictions are kept {interval}"
        )
    else:
        kept = f" of {n_complete}" if estimate.n_trials < n_complete else ""
        yield (
            f"{head}; {metric.round(estimate.val_score)} after correction for selection bias among "
            f"{estimate.n_trials}{kept} trials {interval}"
        )
    if rival := selection.runner_up:
        is_better = "better than" if rival.is_significant else "not significantly different from"
        yield (
            f"{is_better} trial {rival.number} ({metric.format(rival.val_score)}; "
            f"{_describe_test(rival, metric)})"
        )


def _describe_test(rival: RunnerUp, metric: Metric) -> str:
    if metric is ACCURACY:
        examples = "example" if rival.n_differ == 1 else "examples"
        return f"McNemar p = {_format_p(rival.p_value)}, {rival.n_differ:,} discordant {examples}"
    return f"paired t-test p = {_format_p(rival.p_value)}"


def _format_p(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _describe_confirmed(one: Confirmed, metric: Metric) -> str:
    n = len(one.val_scores)
    text = f"confirmed on {n} fresh seed{'s' if n != 1 else ''}"
    if one.mean is not None:
        text += f": {metric.round(one.mean)}"
    if one.spread is not None:
        text += f" +- {metric.round(one.spread)}"
    return text + (f"; {one.n_lost} more diverged or failed" if one.n_lost else "")
