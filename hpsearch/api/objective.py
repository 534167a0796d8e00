"""A trial as one callable, for plain ``study.optimize``."""

from dataclasses import dataclass
from pathlib import Path

import optuna

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.search import Trial, write_result
from hpsearch.engine.training.prepare import prepare_job
from hpsearch.engine.training.worker import run_job

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """Train one net per trial and return its validation accuracy.

    With plain Optuna, its own sampler and pruner are used: results may then depend on the number of
    workers.

    Parameters
    ----------
    definition : StudyDefinition
        Search space and seed; its sampler and pruner are not used.
    data : PreparedData
        The prepared data.
    trials : Path
        Folder for checkpoints and histories.

    Examples
    --------
    >>> study = optuna.create_study(direction="maximize")      # doctest: +SKIP
    >>> study.optimize(Objective(definition, data, Path("trials")), n_trials=10)
    """

    definition: StudyDefinition
    data: PreparedData
    trials: Path

    def __call__(self, trial: Trial) -> float:
        """Run `trial`.

        Returns
        -------
        float
            Validation accuracy after the last epoch.

        Raises
        ------
        optuna.TrialPruned
            If Optuna's pruner decides so, or training diverged.
        RuntimeError
            If the training failed; Optuna records the trial as failed.
        MachineError, StoreError, DataError
            If the trial could not be run, for a reason other than its training. Optuna records it
            as failed nevertheless, and stops unless `catch` lists the error.
        """
        folder = self.trials / f"{trial.number:04d}"
        job = prepare_job(trial, self.definition, self.data, folder, pruning=_OptunaPruning(trial))
        result = run_job(job)
        write_result(trial, result)
        if result.state == State.PRUNED:
            raise optuna.TrialPruned("diverged" if result.diverged else "")
        if result.failure:
            raise result.failure.with_context(f"trial {trial.number}")
        if result.state != State.COMPLETE:
            raise RuntimeError(result.reason)
        return result.epochs[-1].val_score


@dataclass(frozen=True)
class _OptunaPruning:
    """Pruning by the pruner of the trial's study."""

    trial: Trial

    def __call__(self, epoch: int, val_score: float) -> bool:
        self.trial.report(val_score, epoch)
        return self.trial.should_prune()

    def rungs(self) -> dict[str, float]:
        return {}
