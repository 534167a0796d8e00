"""Nets of a study's trials, above all its best net, loaded from checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpsearch.data import PreparedData, Preprocessing, Scaling, open_split
from hpsearch.definition import StudyDefinition
from hpsearch.errors import DamagedDataError, UsageError
from hpsearch.hashing import hash_arrays
from hpsearch.records import Refit, TrialRecord, best_of, find_refit
from hpsearch.results.net import CROSS_VALIDATION, Net
from hpsearch.training import (
    CHECKPOINT_FILE,
    Hyperparameters,
    NetState,
    WeightSnapshots,
    load_checkpoint,
    name_by_fold,
)
from hpsearch.workspace import StudyFolder

__all__ = [
    "find_best_net",
    "find_snapshots",
    "has_best_net",
    "list_superfluous_checkpoints",
    "load_fold_nets",
    "load_trial_net",
    "shed_checkpoints",
    "trial_preprocessing",
]

# More than one, so that a runner-up can be loaded without training it again.
N_CHECKPOINTS_KEPT = 3


def find_best_net(
    definition: StudyDefinition,
    records: Sequence[TrialRecord],
    folder: StudyFolder,
    data: PreparedData,
    refits: Sequence[Refit] = (),
) -> Net:
    """Load the net of the complete trial with the best validation score; with folds its refit.

    Raises
    ------
    UsageError
        If no trial is complete, or with folds if the best one has no complete refit.
    DamagedDataError
        If its checkpoint is missing, or holds another net than the recorded one.
    """
    best = best_of(records)
    if best is None:
        raise UsageError(f"{definition.name}: no trial is complete yet")
    if definition.data.n_folds is None:
        return load_trial_net(definition, best, folder, data)
    refit = find_refit(refits, best.number)
    if refit is None or refit.net_sha256 is None:
        raise UsageError(
            f"{definition.name}: the setting of trial {best.number} has not been trained on all"
            " examples: expected a search that has ended, and a refit that has not failed"
        )
    return _load_refit(definition, best, refit, folder, data)


def has_best_net(
    definition: StudyDefinition, records: Sequence[TrialRecord], refits: Sequence[Refit]
) -> bool:
    """Whether a best net exists: a complete trial, and with folds a complete refit of the best."""
    best = best_of(records)
    if best is None or definition.data.n_folds is None:
        return best is not None
    refit = find_refit(refits, best.number)
    return refit is not None and refit.net_sha256 is not None


def load_trial_net(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder, data: PreparedData
) -> Net:
    """Load the final net of a complete trial from its checkpoint.

    Raises
    ------
    DamagedDataError
        If the checkpoint is missing, or holds another net than the recorded one.
    """
    path = folder.trial(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    judged = {record.metric.val_name: record.value}
    net = _make_net(definition, record, data, data, states[0], judged)
    _check(definition, record, path, net.sha256(), record.net_sha256)
    return net


def load_fold_nets(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder, data: PreparedData
) -> list[Net]:
    """Load the final nets of a complete trial of cross-validation, one for each fold.

    Raises
    ------
    DamagedDataError
        If the checkpoint is missing, or holds other nets than the recorded ones.
    """
    path = folder.trial(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    nets = [
        _make_net(definition, record, data, fold, state, {})
        for fold, state in zip(data.folds, states, strict=False)
    ]
    found = hash_arrays(name_by_fold([net.arrays() for net in nets]))
    _check(definition, record, path, found, record.net_sha256)
    return nets


def _load_refit(
    definition: StudyDefinition,
    record: TrialRecord,
    refit: Refit,
    folder: StudyFolder,
    data: PreparedData,
) -> Net:
    path = folder.refit(record.number) / CHECKPOINT_FILE
    states = _load_states(definition, record, path)
    judged = {"folds": len(data.folds), record.metric.val_name: record.value}
    net = _make_net(definition, record, data, data, states[0], {CROSS_VALIDATION: judged})
    _check(definition, record, path, net.sha256(), refit.net_sha256)
    return net


def _load_states(
    definition: StudyDefinition, record: TrialRecord, path: Path
) -> tuple[NetState, ...]:
    again = _advise(definition, record)
    try:
        return load_checkpoint(path).states
    except FileNotFoundError as error:
        raise DamagedDataError(f"{path}: the checkpoint is gone; {again}") from error
    except DamagedDataError as error:
        raise DamagedDataError(f"{error}; delete it, then {again}") from error


def _make_net(
    definition: StudyDefinition,
    record: TrialRecord,
    data: PreparedData,
    own: PreparedData,
    state: NetState,
    judged: dict[str, Any],
) -> Net:
    """Make the net of `state`, which was trained on `own`: `data`, or one of its folds."""
    return Net(
        parameters=state.net,
        preprocessing=_find_preprocessing(record, own),
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
        target_scale=own.target_scale,
    )


def _check(
    definition: StudyDefinition, record: TrialRecord, path: Path, found: str, wanted: str | None
) -> None:
    if found != wanted:
        raise DamagedDataError(
            f"{path}: expected the net {wanted} of the record, got {found}; "
            f"{_advise(definition, record)}"
        )


def _advise(definition: StudyDefinition, record: TrialRecord) -> str:
    return f"hpsearch replay {definition.name} {record.number} trains it again"


def find_snapshots(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder
) -> WeightSnapshots:
    """Find the weight snapshots of a trial's training; with folds, those of its refit.

    Without frames if the checkpoint is gone.
    """
    number, is_refit = record.number, definition.data.n_folds is not None
    path = folder.refit(number) if is_refit else folder.trial(number)
    try:
        return load_checkpoint(path / CHECKPOINT_FILE).snapshots
    except (FileNotFoundError, DamagedDataError):
        return WeightSnapshots()


def trial_preprocessing(record: TrialRecord, data: PreparedData) -> Preprocessing | Scaling:
    """Return the preprocessing of a trial's net; with folds, of the first fold's net."""
    return _find_preprocessing(record, data.folds[0] if data.folds else data)


def _find_preprocessing(record: TrialRecord, data: PreparedData) -> Preprocessing | Scaling:
    inputs = Hyperparameters(**record.hyperparameters).inputs
    return open_split(data).with_inputs(inputs).preprocessing


def shed_checkpoints(records: Sequence[TrialRecord], folder: StudyFolder) -> list[TrialRecord]:
    """Delete the checkpoints of all finished trials but the best few.

    Histories and pictures stay, and a trial can always be trained again.

    Returns
    -------
    list of TrialRecord
        The best few, whose checkpoints are kept.
    """
    for path in list_superfluous_checkpoints(records, folder):
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
