"""Preparation of a job: from an Optuna trial to all that a worker needs."""

from pathlib import Path

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import Trial, suggest_hyperparameters, write_hyperparameters
from hpsearch.engine.training.job import Lease, Pruning, TrialJob

__all__ = ["prepare_job"]


def prepare_job(
    trial: Trial,
    definition: StudyDefinition,
    data: PreparedData,
    folder: Path,
    *,
    pruning: Pruning | None = None,
    lease: Lease | None = None,
) -> TrialJob:
    """Suggest the hyperparameters of `trial` and make its job.

    Parameters
    ----------
    trial : optuna.trial.Trial
        A running trial.
    definition : StudyDefinition
        Search space, seed and threads of a trial.
    data : PreparedData
        The study's prepared data.
    folder : Path
        The trial's folder, for checkpoint and history.
    pruning, lease : optional
        As of `TrialJob`.
    """
    hyperparameters = suggest_hyperparameters(trial, definition.search.space)
    write_hyperparameters(trial, hyperparameters)
    return TrialJob(
        number=trial.number,
        study_seed=definition.seed,
        trainer=definition.trainer.spec(),
        hyperparameters=hyperparameters,
        data=data,
        folder=folder,
        threads=definition.threads_per_trial,
        pruning=pruning,
        lease=lease,
    )
