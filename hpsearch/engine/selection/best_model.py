"""Models of a study's trials, above all its best model, loaded from checkpoints."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpsearch.datasets import PreparedData, open_splits
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.models import CROSS_VALIDATION, Model
from hpsearch.engine.records import Refit, TrialRecord, best_of, find_refit
from hpsearch.engine.trial_files import CHECKPOINT_FILE, FitState, load_checkpoint
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DamagedDataError, UsageError
from hpsearch.trainers import Trainer
from hpsearch.trainers.state import hash_state, name_by_fold

__all__ = [
    "find_best_model",
    "has_best_model",
    "list_superfluous_checkpoints",
    "load_fold_models",
    "load_trained",
    "load_trial_model",
    "shed_checkpoints",
]

# More than one, so that a runner-up can be loaded without training it again.
N_CHECKPOINTS_KEPT = 3


def find_best_model(
    definition: StudyDefinition,
    records: Sequence[TrialRecord],
    folder: StudyFolder,
    data: PreparedData,
    refits: Sequence[Refit] = (),
) -> Model:
    """Load the model of the complete trial with the best validation score; with folds its refit.

    Raises
    ------
    UsageError
        If no trial is complete, the trainer's models cannot be saved, or with folds the best one
        has no complete refit.
    DamagedDataError
        If its checkpoint is missing, or holds another model than the recorded one.
    """
    best = best_of(records)
    if best is None:
        raise UsageError(f"{definition.name}: no trial is complete yet")
    if best.net_sha256 is None:
        raise UsageError(
            f"{definition.name}: its models cannot be saved: {definition.trainer.path} has no "
            "state_dict and load_state_dict"
        )
    if definition.data.n_folds is None:
        return load_trial_model(definition, best, folder, data)
    refit = find_refit(refits, best.number)
    if refit is None or refit.net_sha256 is None:
        raise UsageError(
            f"{definition.name}: the setting of trial {best.number} has not been trained on all"
            " examples: expected a search that has ended, and a refit that has not failed"
        )
    return _load_refit(definition, best, refit, folder, data)


def has_best_model(
    definition: StudyDefinition, records: Sequence[TrialRecord], refits: Sequence[Refit]
) -> bool:
    """Whether a best model exists: of a complete trial, with folds of its complete refit."""
    best = best_of(records)
    if best is None or best.net_sha256 is None or definition.data.n_folds is None:
        return best is not None and best.net_sha256 is not None
    refit = find_refit(refits, best.number)
    return refit is not None and refit.net_sha256 is not None


def load_trial_model(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder, data: PreparedData
) -> Model:
    """Load the final model of a complete trial from its checkpoint.

    Raises
    ------
    DamagedDataError
        If the checkpoint is missing, or holds another model than the recorded one.
    """
    path = folder.trial(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    judged = {record.metric.val_name: record.value}
    model = _make_model(definition, record, data, data, states[0], judged)
    _check(definition, record, path, model.sha256(), record.net_sha256)
    return model


def load_fold_models(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder, data: PreparedData
) -> list[Model]:
    """Load the final models of a complete trial of cross-validation, one for each fold.

    Raises
    ------
    DamagedDataError
        If the checkpoint is missing, or holds other models than the recorded ones.
    """
    path = folder.trial(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    models = [
        _make_model(definition, record, data, fold, state, {})
        for fold, state in zip(data.folds, states, strict=False)
    ]
    found = hash_state(name_by_fold([model.state for model in models]))
    _check(definition, record, path, found, record.net_sha256)
    return models


def _load_refit(
    definition: StudyDefinition,
    record: TrialRecord,
    refit: Refit,
    folder: StudyFolder,
    data: PreparedData,
) -> Model:
    path = folder.refit(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    judged = {"folds": len(data.folds), record.metric.val_name: record.value}
    model = _make_model(definition, record, data, data, states[0], {CROSS_VALIDATION: judged})
    _check(definition, record, path, model.sha256(), refit.net_sha256)
    return model


def _load_states(
    definition: StudyDefinition, record: TrialRecord, path: Path
) -> tuple[FitState, ...]:
    again = _advise(definition, record)
    try:
        return load_checkpoint(path).states
    except FileNotFoundError as error:
        raise DamagedDataError(f"{path}: the checkpoint is gone; {again}") from error
    except DamagedDataError as error:
        raise DamagedDataError(f"{error}; delete it, then {again}") from error


def _make_model(
    definition: StudyDefinition,
    record: TrialRecord,
    data: PreparedData,
    own: PreparedData,
    state: FitState,
    judged: dict[str, Any],
) -> Model:
    """Make the model of `state`, which was trained on `own`: `data`, or one of its folds."""
    return Model(
        trainer=load_trained(definition, record, own, state),
        spec=definition.trainer.spec(),
        schema=data.schema,
        facts={
            "study": definition.name,
            "trial": record.number,
            **judged,
            "hyperparameters": record.hyperparameters,
            "seed": definition.seed,
            "data": data.name,
            "data_checksum": data.checksum,
        },
    )


def load_trained(
    definition: StudyDefinition, record: TrialRecord, data: PreparedData, state: FitState
) -> Trainer:
    """Make a trial's trainer with the `state` of a checkpoint, trained on `data`."""
    trainer = definition.trainer.load()(record.hyperparameters, data.schema, None)
    trainer.prepared = open_splits(data).derived
    trainer.load_state_dict(state.trainer)
    return trainer


def _check(
    definition: StudyDefinition, record: TrialRecord, path: Path, found: str, wanted: str | None
) -> None:
    if found != wanted:
        raise DamagedDataError(
            f"{path}: expected the model {wanted} of the record, got {found}; "
            f"{_advise(definition, record)}"
        )


def _advise(definition: StudyDefinition, record: TrialRecord) -> str:
    return f"hpsearch replay {definition.name} {record.number} trains it again"


def shed_checkpoints(records: Sequence[TrialRecord], folder: StudyFolder) -> list[TrialRecord]:
    """Delete the checkpoints of all finished trials but the best few.

    Histories stay, and a trial can always be trained again. A checkpoint that cannot be deleted
    stays too, until `hpsearch clean`.

    Returns
    -------
    list of TrialRecord
        The best few, whose checkpoints are kept.
    """
    for path in list_superfluous_checkpoints(records, folder):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return _rank(records)[:N_CHECKPOINTS_KEPT]


def list_superfluous_checkpoints(records: Sequence[TrialRecord], folder: StudyFolder) -> list[Path]:
    """List the checkpoints that `shed_checkpoints` would delete."""
    shed = _rank(records)[N_CHECKPOINTS_KEPT:]
    paths = [folder.trial(record.number) / CHECKPOINT_FILE for record in shed]
    return [path for path in paths if path.exists()]


def _rank(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Sort finished trials: complete ones first, by decreasing score, then by number."""
    return sorted(
        (record for record in records if record.state.is_finished),
        key=lambda r: (r.state != "COMPLETE", -r.metric.sign * (r.value or 0.0), r.number),
    )
