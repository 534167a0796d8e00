"""Conformance check of a study's trainer on the study's data, and its kept outcome."""

import json
import shlex
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hpsearch.datasets import PreparedData, open_splits
from hpsearch.engine.definition import StudyDefinition, TrainerSettings
from hpsearch.engine.execution import passed_environment
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.scheduling.study_data import prepare_data
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import StoreError, UsageError
from hpsearch.foundations.files import write_atomically
from hpsearch.foundations.hashing import hash_json
from hpsearch.trainers import is_resumable
from hpsearch.trainers.conformance import (
    Candidate,
    Check,
    CheckResult,
    check_trainer,
    describe_guarantees,
)

__all__ = ["check_study_trainer", "describe_trainer"]

# Enough to tell two trainings apart; a check then takes seconds.
_MAX_TRAINING = 2_000
_MAX_VALIDATION = 500


def check_study_trainer(definition: StudyDefinition, options: RunOptions) -> Iterator[CheckResult]:
    """Check which guarantees hold for a study's trainer; keep the outcome in the workspace.

    It is trained on at most 2,000 of the study's training examples, with the first value of each
    hyperparameter: the low end of a range, the first of choices.

    Yields
    ------
    CheckResult
        As `check_trainer` does.

    Raises
    ------
    DataError
        If the data is missing or damaged.
    UsageError
        If the trainer cannot prepare the data.
    StoreError
        If the workspace cannot be written.
    """
    candidate = _make_candidate(definition, prepare_data(definition, options))
    results = []
    for result in check_trainer(candidate, passed_environment()):
        results.append(result)
        yield result
    _keep(definition.trainer, options.workspace, results)


def describe_trainer(definition: StudyDefinition, workspace: Workspace, study: str) -> str | None:
    """Describe in a line which guarantees hold for a study's trainer, as far as it is known.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    workspace : Workspace
        The workspace, which has the outcome of an earlier check.
    study : str
        The study file, or its name, as the user gave it; for the advice to check the trainer.

    Returns
    -------
    str or None
        None for a trainer of this package that was not checked: the package's own tests do it.
    """
    settings = definition.trainer
    if results := _read(settings, workspace):
        return describe_guarantees(settings.path, results)
    if settings.source_sha256 is None:
        return None
    if is_resumable(settings.load()):
        known = "its state is saved"
    else:
        known = "without a state that is saved (a stopped trial starts again, no model is kept)"
    return (
        f"trainer {settings.path}: {known}; "
        f"not checked: hpsearch check-trainer {shlex.quote(study)}"
    )


def _make_candidate(definition: StudyDefinition, data: PreparedData) -> Candidate:
    """Take a part of the prepared data; what the trainer derives, it derives from that part."""
    X, y, X_val = _take_examples(data.folds[0] if data.folds else data)
    try:
        prepared = definition.preparation().derive(data.schema, X, y)
    except ValueError as error:
        raise UsageError(f"trainer {definition.trainer.path}: prepare: {error}") from error
    values = definition.search.space.named_values()
    return Candidate(
        spec=definition.trainer.spec(),
        hyperparameters={name: first for name, (first, *_) in values.items()},
        schema=data.schema,
        X=X,
        y=y,
        X_val=X_val,
        prepared=prepared,
        seed=definition.seed,
    )


def _take_examples(data: PreparedData) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    splits = open_splits(data)
    X, y = splits.train, splits.train_targets
    if "X" in data.derived:
        # Only what the trainer made of the training examples is stored.
        X, y = splits.validation, splits.validation_targets
    return X[:_MAX_TRAINING], y[:_MAX_TRAINING], splits.validation[:_MAX_VALIDATION]


def _keep(settings: TrainerSettings, workspace: Workspace, results: Sequence[CheckResult]) -> None:
    path = _find_file(settings, workspace)
    kept = [{"check": one.check, "holds": one.holds, "detail": one.detail} for one in results]
    content = {**_identify(settings), "results": kept}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from error


def _read(settings: TrainerSettings, workspace: Workspace) -> list[CheckResult]:
    """Read the kept outcome of a check; empty if there is none that can be read."""
    try:
        content = json.loads(_find_file(settings, workspace).read_text())
        return [
            CheckResult(Check(one["check"]), one["holds"], one["detail"])
            for one in content["results"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _find_file(settings: TrainerSettings, workspace: Workspace) -> Path:
    return workspace.trainer_checks / f"{hash_json(_identify(settings))[:12]}.json"


def _identify(settings: TrainerSettings) -> dict[str, Any]:
    """Return all that the outcome of a check is kept for."""
    return {
        "trainer": settings.path,
        "source_sha256": settings.source_sha256,
        "settings": settings.settings,
        "hpsearch": version("hpsearch"),
    }
