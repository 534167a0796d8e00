"""Text of the page: descriptions, headings that state results, and the table of costs."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.search import Importance
from hpsearch.engine.selection import Recommendation, describe_verdict
from hpsearch.engine.status import Cost
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import describe_refit_state, shorten_duration
from hpsearch.report.material import Material

__all__ = [
    "answer_lines",
    "cost_rows",
    "describe_ablation",
    "describe_curves",
    "describe_importances",
    "describe_occupancy",
    "describe_progress",
    "describe_recommendation",
    "describe_search",
    "describe_timeline",
    "explain_no_importances",
    "note_progress",
]


def describe_search(material: Material) -> str:
    """Describe the search: hyperparameters, metric, data, sampler, pruner, trials."""
    definition, data = material.definition, material.data
    names = list(definition.search.space.searched())
    what = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    source = definition.data
    examples = "rows" if source.is_tabular else "images"
    shape = ""
    if data and data.image_shape:
        height, width, colours = data.image_shape
        shape = f" of {height} by {width} pixels{' in colour' if colours == 3 else ''}"
    metric = definition.metric
    best = f"the {'highest' if metric.sign > 0 else 'lowest'} {metric.name}"
    verb = "give" if len(names) > 1 else "gives"
    return (
        f"Which {what or 'setting'} {verb} {definition.trainer.label} {best} on "
        f"{examples}{shape} of {source.source}? Each is {_describe_judging(material)}; "
        f"the {definition.search.sampler.name} sampler proposes, "
        f"the pruner is {definition.search.pruner.name}, "
        f"{_count_trials(material)}."
    )


def _describe_judging(material: Material) -> str:
    source, data = material.definition.data, material.data
    if source.n_folds is None:
        return f"trained on {source.train:,} of them and judged on {source.validation:,} others"
    among = f"the {data.split_spec.n_train:,}" if data else "those"
    return f"judged by {source.n_folds}-fold cross-validation on {among} outside the test split"


def answer_lines(material: Material) -> list[str]:
    """List the lines of the verdict on the best trial, and of its test score."""
    selection, metric = material.verdict.selection, material.definition.metric
    # The page's headline has this part already.
    head = (
        f"{metric.val_name} {metric.format(selection.val_score)} (trial {selection.number})"
        if selection
        else ""
    )
    described = describe_verdict(material.verdict)
    lines = [_sentence(line.removeprefix(head).lstrip(",; ")) for line in described]
    if material.best and not selection:
        lines.insert(
            0,
            "The study has not ended: this is the best so far, not corrected for selection bias.",
        )
    if material.best and material.status.refit:
        lines.append(_sentence(describe_refit_state(material.status.refit.state)))
    evaluations = material.status.evaluations
    mine = [
        one
        for one in evaluations
        if material.status.best and one.evaluation.net_sha256 == material.status.best.net_sha256
    ]
    lines += [f"Test split: {one.text}." for one in mine]
    if not evaluations:
        lines.append("No model has been evaluated on the test split.")
    elif not mine:
        lines.append("Another model was evaluated on the test split.")
    lines += [_sentence(one.note) for one in mine or evaluations]
    lines += [_sentence(problem) for problem in material.status.evaluation_problems]
    return lines


def describe_progress(material: Material) -> str:
    """State when the best trial was found."""
    best = material.best
    if best is None or best.ended_at is None:
        return "The best so far."
    ended = [r for r in material.records if r.state.is_finished and r.ended_at]
    until = [r for r in ended if r.ended_at and r.ended_at <= best.ended_at]
    threads = material.definition.threads_per_trial
    spent, total = (threads * sum(r.duration_s for r in rs) for rs in (until, ended))
    return (
        f"The best was found after {shorten_duration(spent)} of {shorten_duration(total)} "
        "of training."
    )


def describe_curves(material: Material) -> str:
    """State how many trials were pruned, and their share of the training time."""
    n_pruned, n = len(material.of_state(State.PRUNED)), len(material.records)
    if not n_pruned:
        return f"Of {_plural(n, 'trial')}; none was pruned."
    share = material.status.cost.pruned / (material.status.cost.training or 1)
    return f"{n_pruned} of {n} trials were pruned; they took {share:.0%} of the training time."


def describe_importances(importances: Mapping[str, Importance]) -> str:
    """State the most important hyperparameter, or that it cannot be distinguished."""
    (name, first), *others = importances.items()
    rivals = [other for other, one in others if one.high > first.low]
    interval = f"90 % CI {first.low:.0%}-{first.high:.0%}"
    share = f"{name} has {first.share:.0%} of the importance ({interval})"
    if rivals:
        return f"{share}, not clearly more than {_enumerate(rivals)}."
    return f"{share}, more than any other."


def explain_no_importances(n_complete: int, n_examples: int | None, least: int) -> str:
    """Explain why no importances are shown."""
    if n_examples is not None and n_examples < least:
        return (
            f"Not estimated: with {n_examples} validation examples, of at least {least} needed, "
            "differences between trials are mostly noise."
        )
    return (
        f"Not estimated: {_plural(n_complete, 'complete trial')} are too few, or no hyperparameter "
        "stands out among them."
    )


def describe_recommendation(one: Recommendation) -> str:
    """Describe a recommended change of the search, with its reasons."""
    reasons = "; ".join(reason[0].lower() + reason[1:] for reason in one.reasons)
    change = {1: f"Search higher {one.name}", -1: f"Search lower {one.name}", 0: f"Keep {one.name}"}
    return f"{change[one.direction]}: {reasons}."


def describe_ablation(
    whole: Sequence[float], without: Mapping[str, Sequence[float]], metric: Metric
) -> str:
    """State the change that lowers the score most."""
    worst = min(without, key=lambda change: metric.sign * fmean(without[change]))
    lost = metric.sign * (fmean(whole) - fmean(without[worst]))
    if lost <= 0:
        return "No change lowers the score."
    return f"The largest loss: {worst}, {lost:.2g} of {metric.val_name}."


def describe_occupancy(n_workers: int, busy: float) -> str:
    """State how busy the workers were, by the bars of the timeline."""
    return f"{_plural(n_workers, 'worker')}, busy {busy:.0%} of the time shown."


def note_progress(is_split: bool) -> str:
    """Describe how the figure of the best score so far is read."""
    note = "Each dot is a trial when it ended: blue complete, grey pruned. Orange: best so far."
    return f"{note} Above, the range of most trials; below, all of them." if is_split else note


def describe_timeline(records: Sequence[TrialRecord]) -> str:
    """Describe the bars of `records`, trials with times, and the training that they leave out."""
    drawn = {
        r.number: (r.ended_at - r.started_at).total_seconds()
        for r in records
        if r.started_at and r.ended_at
    }
    resumed = [r for r in records if r.duration_s > drawn[r.number] + 1]
    if not resumed:
        return "A bar for the training of each trial."
    left_out = sum(r.duration_s - drawn[r.number] for r in resumed)
    return (
        f"A bar for the training of each trial; of {_plural(len(resumed), 'resumed trial')}, the "
        f"last part only: {shorten_duration(left_out)} of training before it is not drawn."
    )


def cost_rows(cost: Cost) -> list[tuple[str, str, str]]:
    """List name, core time and share of each kind of cost."""
    parts = {
        "training, complete and failed trials": cost.training - cost.pruned,
        "training, pruned trials": cost.pruned,
        "training of the best hyperparameters on all folds": cost.refit,
        "confirmation on fresh seeds": cost.confirm,
        "overhead (starting, waiting, recording)": cost.overhead,
    }
    total = sum(parts.values())
    rows = [
        (name, shorten_duration(seconds), f"{seconds / total:.1%}" if total else "")
        for name, seconds in parts.items()
        if seconds or name in ("training, complete and failed trials", "training, pruned trials")
    ]
    return [*rows, ("total", shorten_duration(total), "")]


def _count_trials(material: Material) -> str:
    return material.status.trials.describe()


def _enumerate(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _sentence(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}."
