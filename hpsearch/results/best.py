"""Finding the best net of a study in its record."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.data import PreparedData, Preprocessing, Scaling, open_split
from hpsearch.definition import StudyDefinition
from hpsearch.errors import DamagedDataError, UsageError
from hpsearch.records import TrialRecord, best_of
from hpsearch.results.net import Net
from hpsearch.training import CHECKPOINT_FILE, Film, Hyperparameters, load_checkpoint
from hpsearch.workspace import StudyFolder

__all__ = [
    "find_best_net",
    "find_film",
    "list_superfluous_checkpoints",
    "load_trial_net",
    "shed_checkpoints",
    "trial_preprocessing",
]

# The best few, so that the next best is at hand when somebody asks for it.
N_CHECKPOINTS_KEPT = 3


def find_best_net(
    definition: StudyDefinition,
    records: Sequence[TrialRecord],
    folder: StudyFolder,
    data: PreparedData,
) -> Net:
    """The net of the complete trial with the best validation score.

    Raises
    ------
    UsageError
        If no trial is complete yet.
    DamagedDataError
        If its checkpoint is gone or is not the net that was recorded.
    """
    best = best_of(records)
    if best is None:
        raise UsageError(f"{definition.name}: no trial is complete yet")
    return load_trial_net(definition, best, folder, data)


def load_trial_net(
    definition: StudyDefinition, record: TrialRecord, folder: StudyFolder, data: PreparedData
) -> Net:
    """The net that a complete trial ended with, from its checkpoint.

    Raises
    ------
    DamagedDataError
        If the checkpoint is gone or is not the net that was recorded.
    """
    path = folder.trial(record.number) / CHECKPOINT_FILE
    again = f"hpsearch replay {definition.name} {record.number} trains it again"
    try:
        checkpoint = load_checkpoint(path)
    except FileNotFoundError as error:
        raise DamagedDataError(f"{path}: the checkpoint is gone; {again}") from error
    except DamagedDataError as error:
        raise DamagedDataError(f"{error}; delete it, then {again}") from error
    net = Net(
        parameters=checkpoint.net,
        preprocessing=trial_preprocessing(record, data),
        schema=data.schema,
        facts={
            "study": definition.name,
            "trial": record.number,
            record.metric.val_name: record.value,
            "hyperparameters": record.hyperparameters,
            "seed": definition.seed,
            "data": data.name,
            "data_checksum": data.checksum,
        },
        target_scale=data.target_scale,
    )
    if net.sha256() != record.net_sha256:
        raise DamagedDataError(
            f"{path}: expected the net {record.net_sha256} of the record, got {net.sha256()}; "
            f"{again}"
        )
    return net


def find_film(record: TrialRecord, folder: StudyFolder) -> Film:
    """The film of a trial's training; without frames if its checkpoint is gone."""
    try:
        return load_checkpoint(folder.trial(record.number) / CHECKPOINT_FILE).film
    except (FileNotFoundError, DamagedDataError):
        return Film()


def trial_preprocessing(record: TrialRecord, data: PreparedData) -> Preprocessing | Scaling:
    """What a trial's net was fed through."""
    inputs = Hyperparameters(**record.hyperparameters).inputs
    return open_split(data).with_inputs(inputs).preprocessing


def shed_checkpoints(records: Sequence[TrialRecord], folder: StudyFolder) -> list[TrialRecord]:
    """Delete the weights of finished trials that are not among the best few.

    Histories and pictures stay, and a trial can always be trained again.

    Returns
    -------
    list of TrialRecord
        The best few.
    """
    for path in list_superfluous_checkpoints(records, folder):
        path.unlink(missing_ok=True)
    return _rank(records)[:N_CHECKPOINTS_KEPT]


def list_superfluous_checkpoints(records: Sequence[TrialRecord], folder: StudyFolder) -> list[Path]:
    """Where the weights lie that `shed_checkpoints` would delete."""
    shed = _rank(records)[N_CHECKPOINTS_KEPT:]
    paths = [folder.trial(record.number) / CHECKPOINT_FILE for record in shed]
    return [path for path in paths if path.exists()]


def _rank(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Finished trials, those first whose weights are worth most."""
    return sorted(
        (record for record in records if record.state.is_finished),
        key=lambda r: (r.state != "COMPLETE", -r.metric.sign * (r.value or 0.0), r.number),
    )
