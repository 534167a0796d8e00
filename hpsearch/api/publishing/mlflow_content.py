"""Conversion of a study and its best net to what is written to MLflow."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.api.publishing.summary import summarise_model, summarise_study
from hpsearch.datasets import Schema, decode_features, open_validation
from hpsearch.engine.evaluations import Evaluations, read_evaluations
from hpsearch.engine.models import Model
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.selection import Verdict, measure_verdict
from hpsearch.foundations.versions import code_version, package_versions
from hpsearch.tracking import NetView, StudyView

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
        summary=summarise_study(session.definition, records, verdict, evaluations),
        records=records,
        metrics=measure_verdict(verdict) | _measure(evaluations),
        files=files,
    )


def view_model(
    session: Session,
    model: Model,
    by_epoch: Mapping[str, Mapping[int, NDArray[np.uint8]]],
    verdict: Verdict,
) -> NetView:
    """Collect what the model registry gets of the best model, any test score included."""
    evaluations = read_evaluations(session.search, session.folder.test_ledger)
    mine = evaluations.of_net(model.sha256())
    examples = open_validation(session.data)[0][:_N_EXAMPLES]
    return NetView(
        folder=session.folder.best_net,
        sha256=model.sha256(),
        trial=model.facts["trial"],
        example=_show_examples(examples, model.schema),
        summary=summarise_model(model, verdict, mine),
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


def _describe_evaluation(evaluations: Evaluations) -> dict[str, str]:
    if not evaluations.own:
        return {}
    return {"test_evaluation": evaluations.count(evaluations.own[-1])["note"]}


def _measure(evaluations: Evaluations) -> dict[str, float]:
    if not evaluations.own:
        return {}
    last = evaluations.own[-1]
    return {
        **{f"test_{name}": value for name, value in last.scores.items()},
        f"{last.metric.test_name}_low": last.low,
        f"{last.metric.test_name}_high": last.high,
        "test_evaluations": float(evaluations.count(last)["evaluations"]),
    }
