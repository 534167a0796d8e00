"""Survey of a cluster's workers before the first trial: study folder, data and versions."""

import contextlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.datasets import (
    FolderSettings,
    PreparedData,
    TabularSettings,
    find_source,
    load_prepared,
)
from hpsearch.engine.training.job import Lease
from hpsearch.engine.training.trial_failures import check_installation, read_versions
from hpsearch.engine.training.workplace import data_folders, find_data
from hpsearch.foundations.differences import list_changes
from hpsearch.foundations.errors import (
    DamagedDataError,
    DataError,
    HpsearchError,
    MachineError,
    StoreError,
    UsageError,
)
from hpsearch.trainers.finding import TrainerSpec

__all__ = ["WorkerReport", "WorkerSurvey", "report_from_here", "report_health", "work_out"]


@dataclass(frozen=True)
class WorkerReport:
    """Environment of one worker.

    Parameters
    ----------
    host : str
        Name of its machine.
    sees_folder : bool
        Whether it shares the study's folder with the coordinator.
    versions : dict
        Versions that may change the last bits of its results.
    """

    host: str
    sees_folder: bool
    versions: dict[str, str]


@dataclass(frozen=True)
class WorkerSurvey:
    """Reports of all workers of a cluster; empty if workers run on the coordinator's machine.

    Parameters
    ----------
    n_workers : int
        Number of workers.
    blind_hosts : tuple of str
        Machines that do not see the study's folder.
    differences : tuple of str
        Machines whose versions differ from the coordinator's, and which versions.
    failures : tuple of Exception
        Errors of workers that cannot train or lack the data; messages begin with their addresses.
    """

    n_workers: int = 0
    blind_hosts: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    failures: tuple[HpsearchError, ...] = ()


def report_from_here(lease: Lease, data: PreparedData, trainer: TrainerSpec) -> WorkerReport:
    """Report this worker's environment; prepare the data if this machine has only its source.

    Raises
    ------
    DataError
        If this machine does not have the data.
    MachineError, UsageError
        If training cannot run on this machine, or its trainer has another source here, or none.
    """
    found = trainer.load()
    check_installation(found)
    find_data(data, trainer)
    return WorkerReport(platform.node(), lease.is_seen(), read_versions(found))


def report_health(
    lease: Lease,
    prepared: PreparedData | None,
    name: str,
    checksum: str,
    trainer: TrainerSpec,
    own: FolderSettings | TabularSettings | None = None,
) -> WorkerReport:
    """Report this worker's environment to ``hpsearch doctor``, without preparing data.

    Parameters
    ----------
    lease : Lease
        A lease in the coordinator's workspace.
    prepared : PreparedData or None
        The coordinator's prepared data, if any.
    name, checksum : str
        Name and checksum of the coordinator's source of the data.
    trainer : TrainerSpec
        The study's trainer.
    own : FolderSettings or TabularSettings, optional
        Settings of the study's own data, if it has any.

    Raises
    ------
    DataError
        If this machine has neither the data nor the same source.
    MachineError, UsageError
        If training cannot run on this machine, or its trainer has another source here, or none.
    """
    found = trainer.load()
    check_installation(found)
    versions = read_versions(found)
    with contextlib.suppress(DataError):
        if prepared and load_prepared(prepared.folder).checksum == prepared.checksum:
            return WorkerReport(platform.node(), lease.is_seen(), versions)
    source = find_source(
        name,
        folders=data_folders(),
        download_folder=Path("nowhere"),
        own=own,
        allow_download=False,
    )
    if source.checksum != checksum:
        raise DamagedDataError(
            f"its {name} has the checksum {source.checksum[:12]}, here {checksum[:12]}"
        )
    return WorkerReport(platform.node(), lease.is_seen(), versions)


def work_out(answers: Mapping[str, Any], trainer: TrainerSpec) -> WorkerSurvey:
    """Summarize the reports of all workers, by address; errors are those they raised."""
    reports = [answer for answer in answers.values() if isinstance(answer, WorkerReport)]
    ours = read_versions(trainer.load()) if reports else {}
    differences = {
        f"{one.host} ({', '.join(changed)})"
        for one in reports
        if (changed := list_changes(one.versions, ours, ", here "))
    }
    failures = [
        _explain(address, answer)
        for address, answer in answers.items()
        # Lost connections do not matter: the worker is restarted, or gets no trial.
        if not isinstance(answer, WorkerReport | ConnectionError)
    ]
    return WorkerSurvey(
        n_workers=len(answers),
        blind_hosts=tuple(sorted({one.host for one in reports if not one.sees_folder})),
        differences=tuple(sorted(differences)),
        failures=tuple(failures),
    )


def _explain(address: str, error: Exception) -> HpsearchError:
    reason = f"{address}: {' '.join(str(error).split()) or type(error).__name__}"
    if isinstance(error, DataError | MachineError | UsageError):
        return type(error)(reason)
    return StoreError(reason)
