"""Content that MLflow shows of a study and of its best model: values, tags, Markdown summaries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema, decode_features, open_validation
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import Evaluations, read_evaluations
from hpsearch.engine.models import Model
from hpsearch.engine.records import TrialRecord, best_of
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.selection import (
    Verdict,
    describe_verdict,
    measure_uncertainty,
    measure_verdict,
)
from hpsearch.foundations.differences import compare_versions
from hpsearch.foundations.text import shorten_number
from hpsearch.foundations.versions import code_version, package_versions
from hpsearch.tracking import ModelView, StudyView

__all__ = ["describe_origin", "view_model", "view_study"]

_N_EXAMPLES = 2


def view_study(
    session: Session,
    status: str,
    records: Sequence[TrialRecord],
    verdict: Verdict,
    files: Sequence[Path],
) -> StudyView:
    """Collect what MLflow shows of the study, its test evaluations so far included."""
    evaluations = read_evaluations(session.search, session.folder.test_ledger)
    return StudyView(
        status=status,
        summary=_summarise_study(session.definition, records, verdict, evaluations),
        records=records,
        metrics=measure_verdict(verdict) | _measure(evaluations),
        tags=_shorten(measure_uncertainty(verdict)) | _describe_evaluation(evaluations),
        files=files,
    )


def view_model(
    session: Session,
    model: Model,
    by_epoch: Mapping[str, Mapping[int, NDArray[np.uint8]]],
    verdict: Verdict,
) -> ModelView:
    """Collect what the model registry gets of the best model, any test score included."""
    evaluations = read_evaluations(session.search, session.folder.test_ledger)
    mine = evaluations.of_net(model.sha256())
    examples = open_validation(session.data)[0][:_N_EXAMPLES]
    return ModelView(
        folder=session.folder.best_net,
        sha256=model.sha256(),
        trial=model.facts["trial"],
        example=_show_examples(examples, model.schema),
        summary=_summarise_model(model, verdict, mine),
        pictures=by_epoch,
        output_type="int64" if model.class_names else "float64",
        model_file=model.trainer.model_file,
        requirements=model.trainer.requirements,
        serving_code=model.trainer.serving_code,
        is_refit=bool(session.data.folds),
        tags={
            "trial": str(model.facts["trial"]),
            **{name: str(value) for name, value in (model.scores | _measure(mine)).items()},
            **_describe_evaluation(mine),
        },
    )


def describe_origin(session: Session) -> tuple[dict[str, object], dict[str, str]]:
    """Describe the data set, and make the tags of all runs: code, seed, data, versions."""
    data = session.data
    described: dict[str, object] = {
        "name": data.name,
        "source": data.source,
        "checksum": data.checksum,
        "shape": [data.split_spec.n_train, *(data.image_shape or (data.schema.n_features,))],
    }
    tags = {
        "mlflow.source.name": f"hpsearch run {session.definition.name}",
        "mlflow.source.type": "LOCAL",
        "seed": str(session.definition.seed),
        "code_version": code_version(),
        "data_checksum": data.checksum,
        **{f"version.{name}": number for name, number in package_versions().items()},
    }
    return described, tags


def _show_examples(examples: NDArray[Any], schema: Schema) -> Any:
    """Convert examples to what `predict` takes: images, a table with named columns, or numbers."""
    if schema.image_shape:
        return examples.reshape(-1, *schema.image_shape)
    return decode_features(examples, schema.columns) if schema.has_names else examples


def _measure(evaluations: Evaluations) -> dict[str, float]:
    """Return the last test evaluation's scores by name."""
    if not evaluations.own:
        return {}
    return {f"test_{name}": value for name, value in evaluations.own[-1].scores.items()}


def _describe_evaluation(evaluations: Evaluations) -> dict[str, str]:
    """Make tags of the last test evaluation: its confidence interval, which evaluation it was."""
    if not evaluations.own:
        return {}
    last = evaluations.own[-1]
    count = evaluations.count(last)
    return {
        **_shorten({f"{last.metric.test_name}_low": last.low}),
        **_shorten({f"{last.metric.test_name}_high": last.high}),
        "test_evaluations": str(count["evaluations"]),
        "test_evaluation": count["note"],
    }


def _shorten(values: Mapping[str, float]) -> dict[str, str]:
    return {name: shorten_number(value) for name, value in values.items()}


def _summarise_study(
    definition: StudyDefinition,
    records: Sequence[TrialRecord],
    verdict: Verdict,
    evaluations: Evaluations,
) -> str:
    """Summarize a study in Markdown: progress, best trial, verdict, test evaluations."""
    states = Counter(record.state.label for record in records)
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
    lines += _list_evaluations(evaluations)
    return "\n".join(lines)


def _summarise_model(model: Model, verdict: Verdict, evaluations: Evaluations) -> str:
    """Summarize the best model in Markdown: origin, hyperparameters, verdict, test evaluations."""
    facts = model.facts
    lines = [
        f"Best model of the study **{facts['study']}**: trial {facts['trial']}, {model.val_score}.",
        "",
        *(f"- {name} = {shorten_number(v)}" for name, v in facts["hyperparameters"].items()),
        *(f"- {line}" for line in describe_verdict(verdict)),
        *_list_evaluations(evaluations.of_net(model.sha256())),
        "",
        _describe_examples(model.schema),
    ]
    return "\n".join(lines)


def _describe_examples(schema: Schema) -> str:
    if schema.image_shape is None:
        return f"`predict` takes tables with the {schema.n_features} columns of the model."
    shape = ", ".join(map(str, schema.image_shape))
    return f"`predict` takes raw uint8 images of shape (N, {shape})."


def _list_evaluations(evaluations: Evaluations) -> list[str]:
    return [
        f"- {one.describe()}, model {one.net_sha256[:12]}: {evaluations.count(one)['note']}"
        for one in evaluations.own
    ]
