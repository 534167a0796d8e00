"""Scaling of one coordinator to a thousand workers, in simulated time.

Workers and their trials (30 s, with a spread) are simulated. Asking for trials, making and pickling
jobs, recording, and the storage are real, and the time they take is added to the simulated clock.
MLflow is left out, as it is written in a thread of its own. Then, without a storage, the cost of
the lag: idle workers, and the quality of the search on an objective shaped like learning curves.

    python -m benchmarks.scale [--workers 1 10 30 100 300 1000] [--postgres URL]
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import optuna
from matplotlib.figure import Figure
from optuna.storages import BaseStorage, InMemoryStorage

from benchmarks.idle import N_EPOCHS, define_idle_study
from benchmarks.reporting import Report
from benchmarks.simulation import (
    FreeCoordinator,
    Load,
    RealCoordinator,
    draw_durations,
    simulate,
)
from hpsearch.engine.records import State
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    open_storage,
    suggest_hyperparameters,
)
from hpsearch.engine.search.distributions import make_distributions
from tests.postgres import Postgres, find_program

_LAGS = (1, 8, 32, 128, 1000)
_TRIAL_S = 30.0
_FEWEST = 40
# Fraction of the workers' time spent waiting for the coordinator above which it is saturated.
_SATURATED = 0.3


def measure_load(
    storage: BaseStorage, n_workers: int, n_trials: int, sampler: str, n_known: int
) -> Load:
    """Simulate a study on `storage`, with a lag of twice its workers, after `n_known` trials."""
    lag = 2 * n_workers
    n_before = n_known + lag
    definition = define_idle_study(n_before + n_trials, sampler=sampler, lag=lag)
    search = create_or_continue_study(definition, storage, data_checksum="none")
    with search.writing_together():
        add_finished(search, n_before)
    coordinator = RealCoordinator(search, n_before)
    return simulate(coordinator, n_workers, lag, n_trials, draw_durations(0, _TRIAL_S))


def add_finished(search: SearchStudy, n_trials: int) -> None:
    """Add finished trials with random hyperparameters to the study."""
    distributions = make_distributions(search.definition.search.space)
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(n_trials):
        params = drawing.ask(distributions).params
        final = _accuracy(params)
        curve = {epoch: final * (1 - 0.8**epoch) for epoch in range(1, N_EPOCHS + 1)}
        search.optuna_study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, value=final, intermediate_values=curve
            )
        )


def measure_regret(lag: int, n_trials: int, seed: int) -> list[float]:
    """Compute the regret of the best trial so far, after each trial, with TPE."""
    definition = define_idle_study(n_trials, lag=lag).model_copy(update={"seed": seed})
    search = create_or_continue_study(definition, InMemoryStorage(), data_checksum="none")
    rng = np.random.default_rng([seed, lag])
    best, regrets = 0.0, []
    for _ in range(n_trials):
        trial = search.ask()
        final = _accuracy(suggest_hyperparameters(trial, definition.search.space))
        best = max(best, final)
        regrets.append(_OPTIMUM - best)
        search.finish(trial, State.COMPLETE, final + 0.003 * float(rng.standard_normal()))
    return regrets


_OPTIMUM = 0.56


def _accuracy(setting: dict[str, float]) -> float:
    """Model the final accuracy: steps that are too small learn slowly, too large ones diverge."""
    rate = np.log10(setting["learning_rate"]) + 2.85
    decay = setting["learning_rate_decay"] - 0.92
    reg = np.log10(setting["reg"]) + 1.8
    width = (setting["hidden_size"] - 150) / 100
    speed = np.exp(-((rate + 2 * decay) ** 2) / 0.12)
    return float(
        _OPTIMUM * (1 - np.exp(-4 * speed)) / (1 - np.exp(-4))
        - 0.02 * reg**2
        - 0.04 * width**2
        - 2 * decay**2
    )


def idle_share(n_workers: int, lag: int) -> float:
    """Fraction of the workers' time lost to the lag rule, with an infinitely fast coordinator."""
    n_trials = 20 * n_workers + 2 * lag
    durations = draw_durations(1, _TRIAL_S)
    return simulate(FreeCoordinator(), n_workers, lag, n_trials, durations).waited_for_lag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 30, 100, 300, 1000])
    parser.add_argument("--rounds", type=float, default=3.0, help="trials for each worker")
    parser.add_argument("--known", type=int, default=500, help="trials that the first one knows")
    parser.add_argument("--seeds", type=int, default=5, help="studies for each lag")
    parser.add_argument("--trials", type=int, default=200, help="of each of those studies")
    parser.add_argument("--postgres", metavar="URL", help="default: one of its own, if installed")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as scratch,
        _database(options.postgres) as url,
    ):
        measure_loads(Path(scratch), options.workers, options.rounds, options.known, url)
    measure_lags(_LAGS, options.trials, options.seeds)


def measure_loads(
    root: Path, workers: Sequence[int], rounds: float, n_known: int, url: str | None
) -> Report:
    """Raise the number of workers on each storage until the coordinator saturates."""
    loads: dict[str, list[Load]] = {}
    report = Report(
        "scale",
        f"One coordinator, trials of {_TRIAL_S:.0f} s that know {n_known} others or more",
        ("storage, sampler", "workers", "busy", "waiting", "ms for a trial", "saturates at"),
    )
    for storage, sampler in _plan(url):
        name = f"{storage}, {sampler}"
        for n_workers in workers:
            n_trials = max(_FEWEST, round(rounds * n_workers))
            opened = _open(storage, root / f"{name} {n_workers}", url)
            load = measure_load(opened, n_workers, n_trials, sampler, n_known)
            loads.setdefault(name, []).append(load)
            report.add(name, f"{n_workers:,}", *_describe(load))
            print(name, n_workers, load, file=sys.stderr, flush=True)
            if load.waited_for_coordinator > _SATURATED:
                break
    report.write(draw_loads(workers, loads))
    return report


def measure_lags(lags: Sequence[int], n_trials: int, n_seeds: int) -> Report:
    """Measure the cost of the lag: quality of the search, and idle workers."""
    report = Report(
        "scale_lag",
        f"The price of the lag: regret after {n_trials} trials of TPE, {n_seeds} seeds; idleness",
        ("lag", "regret, median", "worst", "idle if workers = lag", "= lag / 2", "= lag / 4"),
    )
    regrets: dict[int, list[float]] = {}
    for lag in lags:
        found = [measure_regret(lag, n_trials, seed)[-1] for seed in range(n_seeds)]
        shares = [idle_share(n, lag) if (n := lag // part) else None for part in (1, 2, 4)]
        report.add(
            f"{lag:,}",
            f"{median(found):.4f}",
            f"{max(found):.4f}",
            *("" if share is None else f"{share:.0%}" for share in shares),
        )
        regrets[lag] = found
    report.write(draw_regrets(regrets))
    return report


def draw_loads(workers: Sequence[int], loads: dict[str, list[Load]]) -> Figure:
    """Draw the fraction of busy workers over their number."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, found in loads.items():
        axes.plot(workers[: len(found)], [load.busy for load in found], "o-", label=name)
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="workers", ylabel="share of time in trials")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return figure


def draw_regrets(regrets: dict[int, list[float]]) -> Figure:
    """Draw regret over the lag: median and range over seeds."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    lags, found = list(regrets), list(regrets.values())
    axes.plot(lags, [median(one) for one in found], "o-")
    axes.fill_between(lags, [min(one) for one in found], [max(one) for one in found], alpha=0.2)
    axes.set(xscale="log", ylim=(0, None), xlabel="lag", ylabel="regret of val_accuracy")
    axes.grid(alpha=0.25)
    return figure


def _plan(url: str | None) -> list[tuple[str, str]]:
    plan = [("journal", "random"), ("journal", "tpe")]
    return [*plan, ("PostgreSQL", "tpe")] if url else plan


def _open(storage: str, folder: Path, url: str | None) -> BaseStorage:
    folder.mkdir()
    if storage == "journal":
        return open_storage(None, folder / "journal")
    database = open_storage(url, folder, patience_s=60.0)
    with contextlib.suppress(KeyError):
        optuna.delete_study(study_name="idle", storage=database)
    return database


def _describe(load: Load) -> tuple[str, ...]:
    return (
        f"{load.busy:.0%}",
        f"{load.waited_for_coordinator:.0%}",
        f"{1000 * load.cost_s:.0f}",
        f"{_TRIAL_S / load.cost_s:,.0f} workers",
    )


@contextlib.contextmanager
def _database(url: str | None) -> Iterator[str | None]:
    """Yield `url`, or that of a temporary PostgreSQL server if it is installed, or None."""
    if url or find_program("initdb") is None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        server.create()
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


if __name__ == "__main__":
    main()
