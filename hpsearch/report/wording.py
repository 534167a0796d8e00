"""Text of the page: descriptions, headings that state results, and the table of costs."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.selection import Examination, describe_verdict
from hpsearch.engine.status import Cost
from hpsearch.foundations.metrics import Metric
from hpsearch.foundations.text import describe_refit_state, shorten_duration
from hpsearch.report.material import Material

__all__ = [
    "answer_lines",
    "cost_rows",
    "describe_confusion",
    "describe_search",
    "describe_timeline",
    "title_ablation",
    "title_confusion",
    "title_course",
    "title_curves",
    "title_importances",
    "title_predictions",
    "title_timeline",
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
    return f"judged by {source.n_folds}-fold cross-validation on {among} that are not for the test"


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
        lines.append("The test split was used for another model.")
    lines += [_sentence(one.note) for one in mine or evaluations]
    lines += [_sentence(problem) for problem in material.status.evaluation_problems]
    return lines


def describe_confusion(found: Examination, n_folds: int) -> str:
    """How many examples are wrong, and whose predictions those are."""
    wrong = f"{found.n_wrong:,} of {found.n_images:,} validation examples get a wrong class"
    if not n_folds:
        return f"{wrong}."
    return (
        f"{wrong} from the one of the {n_folds} models of cross-validation whose training did"
        " not see them."
    )


def title_predictions(n_folds: int) -> str:
    """Whose predictions they are."""
    if not n_folds:
        return "Predictions of the best model on the validation split"
    return f"Out-of-fold predictions of the best trial in {n_folds}-fold cross-validation"


def title_course(material: Material) -> str:
    """State when the best trial was found."""
    best = material.best
    if best is None or best.ended_at is None:
        return "The best so far"
    ended = [r for r in material.records if r.state.is_finished and r.ended_at]
    until = [r for r in ended if r.ended_at and r.ended_at <= best.ended_at]
    threads = material.definition.threads_per_trial
    spent, total = (threads * sum(r.duration_s for r in rs) for rs in (until, ended))
    return (
        f"The best was found after {shorten_duration(spent)} of {shorten_duration(total)} "
        "of training"
    )


def title_curves(material: Material) -> str:
    """State how many trials were pruned, and their share of the training time."""
    n_pruned, n = len(material.of_state(State.PRUNED)), len(material.records)
    if not n_pruned:
        return f"The learning curves of {_plural(n, 'trial')}"
    share = material.status.cost.pruned / (material.status.cost.training or 1)
    return f"{n_pruned} of {n} trials were ended early; they took {share:.0%} of the training time"


def title_importances(importances: Mapping[str, float]) -> str:
    """State the most important hyperparameter."""
    name, share = next(iter(importances.items()))
    return f"{name} mattered most, with {share:.0%} of the importance"


def title_ablation(
    whole: Sequence[float], without: Mapping[str, Sequence[float]], metric: Metric
) -> str:
    """State the change that lowers the score most."""
    worst = min(without, key=lambda change: metric.sign * fmean(without[change]))
    lost = metric.sign * (fmean(whole) - fmean(without[worst]))
    if lost <= 0:
        return "Nothing that was left out is missed"
    return f"What costs most: {worst}, {lost:.2g} of {metric.val_name}"


def title_timeline(material: Material, n_lanes: int) -> str:
    """State how busy the workers were."""
    cost = material.status.cost
    busy = cost.training + cost.refit + cost.confirm
    paid = busy + cost.overhead
    if not paid:
        return f"{_plural(n_lanes, 'trial')} at a time"
    return f"{_plural(n_lanes, 'worker')}, busy {busy / paid:.0%} of the time"


def describe_timeline(records: Sequence[TrialRecord]) -> str:
    """Describe the bars of `records`, trials with times, and the training that they leave out."""
    drawn = {
        r.number: (r.ended_at - r.started_at).total_seconds()
        for r in records
        if r.started_at and r.ended_at
    }
    resumed = [r for r in records if r.duration_s > drawn[r.number] + 1]
    if not resumed:
        return "A bar for each trial."
    left_out = sum(r.duration_s - drawn[r.number] for r in resumed)
    return (
        f"A bar for each trial; of {_plural(len(resumed), 'trial')} taken up again after a stop, "
        f"the last part alone: {shorten_duration(left_out)} of training before it is not drawn."
    )


def title_confusion(examination: Examination, class_names: tuple[str, ...]) -> str:
    """State the pair of classes that is confused most often."""
    pair = examination.worst_pair()
    if pair is None:
        return "No validation image is wrong"
    label, predicted = pair
    n, of = int(examination.confusion[pair]), int(examination.confusion[label].sum())
    return (
        f"Most often it takes {class_names[label]} for {class_names[predicted]}: {n} of {of} images"
    )


def cost_rows(cost: Cost) -> list[tuple[str, str, str]]:
    """List name, core time and share of each kind of cost."""
    parts = {
        "training that ended complete or failed": cost.training - cost.pruned,
        "training that was pruned away": cost.pruned,
        "training the best on all examples": cost.refit,
        "confirming on fresh seeds": cost.confirm,
        "overhead: starting, waiting, recording": cost.overhead,
    }
    total = sum(parts.values())
    rows = [
        (name, shorten_duration(seconds), f"{seconds / total:.1%}" if total else "")
        for name, seconds in parts.items()
        if seconds or name not in ("training the best on all examples", "confirming on fresh seeds")
    ]
    return [*rows, ("in all", shorten_duration(total), "")]


def _count_trials(material: Material) -> str:
    trials = material.status.trials
    counted = [f"{trials.total} trials in all", f"{trials.complete} complete"]
    names = ("pruned", "failed", "running", "waiting")
    return ", ".join(counted + [f"{n} {name}" for name in names if (n := getattr(trials, name))])


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _sentence(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}."
