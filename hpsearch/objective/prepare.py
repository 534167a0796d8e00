"""Preparing a job: from an Optuna trial to all that a worker needs."""

from pathlib import Path

from hpsearch.data import PreparedData
from hpsearch.definition import StudyDefinition
from hpsearch.objective.job import Lease, Pruning, SpareCores, TrialJob
from hpsearch.search import Trial, suggest_hyperparameters
from hpsearch.training import Hyperparameters

__all__ = ["prepare_job"]


def prepare_job(
    trial: Trial,
    definition: StudyDefinition,
    data: PreparedData,
    folder: Path,
    *,
    pruning: Pruning | None = None,
    lease: Lease | None = None,
    spare_cores: SpareCores | None = None,
) -> TrialJob:
    """Ask `trial` for its hyperparameters and make its job.

    Parameters
    ----------
    trial : optuna.trial.Trial
        Running.
    definition : StudyDefinition
        Space, fixed settings and seed.
    data : PreparedData
        The images.
    folder : Path
        The trial's own, for checkpoint and history.
    pruning, lease, spare_cores : optional
        What the worker shall ask.
    """
    chosen = suggest_hyperparameters(trial, definition.search.space)
    hyperparameters = Hyperparameters(**chosen)
    trial.set_user_attr("hyperparameters", hyperparameters.model_dump())
    return TrialJob(
        number=trial.number,
        study_seed=definition.seed,
        hyperparameters=hyperparameters,
        data=data,
        folder=folder,
        threads=definition.threads_per_trial,
        pruning=pruning,
        lease=lease,
        spare_cores=spare_cores,
    )
