"""Where a worker works: in the study's folder and on its data, or on a machine that has neither."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hpsearch.data import PreparedData, find_on_this_machine
from hpsearch.environment import Environment
from hpsearch.execution.task import is_in_task
from hpsearch.objective.job import Outcome, TrialJob, TrialResult
from hpsearch.training import CHECKPOINT_FILE, PREDICTIONS_FILE

__all__ = ["attach_files", "data_folders", "find_data", "working_here"]


@contextlib.contextmanager
def working_here(job: TrialJob) -> Iterator[TrialJob]:
    """The job as this machine can do it.

    A worker of a cluster that does not see the study's folder gets a folder of its own, which
    goes with the job. It then has no lease to watch and needs none: nothing that it writes can
    reach the study, and what it returns reaches only the coordinator that asked for it.

    Raises
    ------
    DataError
        If this machine has not got the job's data, or has other data in its place.
    OSError
        If a disk refuses.
    """
    if not is_in_task():
        yield job
        return
    job = dataclasses.replace(job, data=find_data(job.data))
    if job.lease is None or job.lease.is_seen():
        yield job
        return
    with tempfile.TemporaryDirectory(prefix="hpsearch-trial-") as scratch:
        yield dataclasses.replace(job, folder=Path(scratch), lease=None)


def find_data(data: PreparedData) -> PreparedData:
    """The data on this machine."""
    return find_on_this_machine(data, data_folders())


def data_folders() -> list[Path]:
    """Where data sets lie on this machine, as a worker's own environment says."""
    data_dir = Environment.read().data_dir
    return [data_dir] if data_dir else []


def attach_files(result: TrialResult, here: TrialJob, job: TrialJob) -> TrialResult:
    """Give a finished trial's net and predictions along if only this worker sees their folder."""
    if here.folder == job.folder or result.outcome not in (Outcome.COMPLETE, Outcome.PRUNED):
        return result
    predictions = here.folder / PREDICTIONS_FILE
    has_predictions = result.outcome == Outcome.COMPLETE and not job.is_refit
    return dataclasses.replace(
        result,
        checkpoint=(here.folder / CHECKPOINT_FILE).read_bytes(),
        predictions=predictions.read_bytes() if has_predictions else None,
    )
