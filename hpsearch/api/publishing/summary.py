"""Markdown summaries of a study and its best model, for MLflow's pages."""

from collections import Counter
from collections.abc import Sequence

from hpsearch.datasets import Schema
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import Evaluations
from hpsearch.engine.models import Model
from hpsearch.engine.records import TrialRecord, best_of
from hpsearch.engine.selection import Verdict, describe_verdict
from hpsearch.foundations.differences import compare_versions
from hpsearch.foundations.text import shorten_number

__all__ = ["summarise_model", "summarise_study"]


def summarise_study(
    definition: StudyDefinition,
    records: Sequence[TrialRecord],
    verdict: Verdict,
    evaluations: Evaluations,
) -> str:
    """Summarize a study in Markdown: progress, best trial, verdict, test evaluations."""
    states = Counter(record.state.lower() for record in records)
    counted = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none yet"
    lines = [
        f"**{definition.name}**  {definition.description}".rstrip(),
        "",
        f"- trials: {counted}, of {definition.trials}",
    ]
    if n_folds := definition.data.n_folds:
        lines.append(
            f"- validation: {n_folds}-fold cross-validation; the best setting is trained once more,"
            " on all examples but those for the test"
        )
    if best := best_of(records):
        lines.append(
            f"- best: trial {best.number}, {best.metric.val_name} {best.metric.format(best.value)}"
        )
        lines += [f"    - {name} = {shorten_number(v)}" for name, v in best.searched.items()]
    lines += [f"- {line}" for line in describe_verdict(verdict)]
    versions = {one.number: one.versions for one in records if one.state.is_finished}
    lines += [f"- {line}" for line in compare_versions(versions)]
    lines += _describe(evaluations)
    return "\n".join(lines)


def summarise_model(model: Model, verdict: Verdict, evaluations: Evaluations) -> str:
    """Summarize the best model in Markdown: origin, hyperparameters, verdict, test evaluations."""
    facts = model.facts
    lines = [
        f"Best model of the study **{facts['study']}**: trial {facts['trial']}, {model.val_score}.",
        "",
        *(f"- {name} = {shorten_number(v)}" for name, v in facts["hyperparameters"].items()),
        *(f"- {line}" for line in describe_verdict(verdict)),
        *_describe(evaluations.of_net(model.sha256())),
        "",
        _describe_examples(model.schema),
    ]
    return "\n".join(lines)


def _describe_examples(schema: Schema) -> str:
    if schema.image_shape is None:
        return f"`predict` takes tables with the {schema.n_features} columns of the model."
    shape = ", ".join(map(str, schema.image_shape))
    return f"`predict` takes raw uint8 images of shape (N, {shape})."


def _describe(evaluations: Evaluations) -> list[str]:
    return [
        f"- {one.describe()}, net {one.net_sha256[:12]}: {evaluations.count(one)['note']}"
        for one in evaluations.own
    ]
