"""A worker's folder and data: the study's own, or those of a machine that does not share them."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hpsearch.datasets import PreparedData, find_on_this_machine
from hpsearch.engine.execution.lease import is_in_task
from hpsearch.engine.records import State
from hpsearch.engine.training.job import TrialJob
from hpsearch.engine.trial_files import CHECKPOINT_FILE, PREDICTIONS_FILE
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.environment_variables import Environment
from hpsearch.trainers.finding import TrainerSpec

__all__ = ["attach_files", "data_folders", "find_data", "localized"]


@contextlib.contextmanager
def localized(job: TrialJob) -> Iterator[TrialJob]:
    """Adapt the job to this machine: its copy of the data, and a folder that it can write.

    A worker of a cluster that does not see the study's folder gets a temporary folder, which is
    deleted with the job. It has no lease and needs none: nothing that it writes can reach the
    study, and its result reaches only the coordinator that submitted the job.

    Raises
    ------
    DataError
        If this machine does not have the job's data, or has other data in its place.
    OSError
        If a disk cannot be read or written.
    """
    if not is_in_task():
        yield job
        return
    job = dataclasses.replace(job, data=find_data(job.data, job.trainer))
    if job.lease is None or job.lease.is_seen():
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="hpsearch-trial-") as scratch:
        yield dataclasses.replace(job, folder=Path(scratch), lease=None)


def find_data(data: PreparedData, trainer: TrainerSpec) -> PreparedData:
    """Find this machine's copy of the data; prepare it from its source if need be."""
    preparation = trainer.preparation(data.preparation.get("plan", {}))
    return find_on_this_machine(data, data_folders(), preparation)


def data_folders() -> list[Path]:
    """List the folders of data sets on this machine, from the worker's own environment."""
    data_dir = Environment.read().data_dir
    return [data_dir] if data_dir else []


def attach_files(result: TrialResult, local: TrialJob, job: TrialJob) -> TrialResult:
    """Add a finished trial's model and predictions to its result if only this worker has them."""
    if local.folder == job.folder or result.state not in (State.COMPLETE, State.PRUNED):
        return result
    predictions = local.folder / PREDICTIONS_FILE
    has_predictions = result.state == State.COMPLETE and not job.is_refit
    return dataclasses.replace(
        result,
        checkpoint=(local.folder / CHECKPOINT_FILE).read_bytes(),
        predictions=predictions.read_bytes() if has_predictions else None,
    )
