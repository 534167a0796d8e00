"""Overhead of alternatives: Optuna with MLflowCallback, and Optuna on MLflow's own storage."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.idle import N_EPOCHS

__all__ = ["RivalCost", "measure_callback", "measure_mlflow_storage"]

_SPACE: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(3e-4, 3e-3, log=True),
    "learning_rate_decay": FloatDistribution(0.85, 1.0),
    "reg": FloatDistribution(1e-3, 1.0, log=True),
    "hidden_size": IntDistribution(50, 150),
}
_CURVE = {number: 0.4 - 0.3 / number for number in range(1, N_EPOCHS + 1)}


@dataclass(frozen=True)
class RivalCost:
    """Median seconds from one objective's end to the next one's first epoch; CPU time per trial."""

    pause_s: float
    cpu_s: float


def measure_callback(folder: Path, mark: int, window: int) -> RivalCost:
    """Measure Optuna's own loop on a journal, with optuna-integration's MLflowCallback on SQLite.

    It writes parameters and the final value to MLflow: no curves, no plots.
    """
    from optuna_integration import MLflowCallback

    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callback = MLflowCallback(f"sqlite:///{folder}/mlflow.db", metric_name="val_accuracy")
    storage = JournalStorage(JournalFileBackend(str(folder / "journal")))
    return _measure(storage, mark, window, [callback])


def measure_mlflow_storage(folder: Path, mark: int, window: int) -> RivalCost:
    """Measure Optuna's own loop on `mlflow.optuna.MlflowStorage`; trials are added singly."""
    import mlflow
    from mlflow.optuna.storage import MlflowStorage

    folder.mkdir(exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("idle", artifact_location=(folder / "a").as_uri())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _measure(MlflowStorage(experiment), mark, window, [])


def _measure(
    storage: BaseStorage,
    mark: int,
    window: int,
    callbacks: list[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]],
) -> RivalCost:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        study_name="idle",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
        direction="maximize",
        load_if_exists=True,
    )
    _fill(study, mark)
    pauses: list[float] = []
    ended: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 3e-4, 3e-3, log=True)
        trial.suggest_float("learning_rate_decay", 0.85, 1.0)
        reg = trial.suggest_float("reg", 1e-3, 1.0, log=True)
        trial.suggest_int("hidden_size", 50, 150)
        if ended:
            pauses.append(time.perf_counter() - ended[-1])
        for epoch, accuracy in _CURVE.items():
            trial.report(accuracy, epoch)
            trial.should_prune()
        ended.append(time.perf_counter())
        return 0.5 - 100 * abs(rate - 1e-3) - 0.01 * reg

    before = time.process_time()
    study.optimize(objective, n_trials=window, callbacks=callbacks)
    return RivalCost(median(pauses), (time.process_time() - before) / window)


def _fill(study: optuna.Study, total: int) -> None:
    sampler = optuna.samplers.RandomSampler(seed=total)
    drawing = optuna.create_study(sampler=sampler, direction="maximize")
    for _ in range(len(study.get_trials(deepcopy=False)), total):
        drawn = drawing.ask(_SPACE)
        rate, reg = drawn.params["learning_rate"], drawn.params["reg"]
        study.add_trial(
            optuna.trial.create_trial(
                params=drawn.params,
                distributions=_SPACE,
                value=0.5 - 100 * abs(rate - 1e-3) - 0.01 * reg,
                intermediate_values=_CURVE,
            )
        )
