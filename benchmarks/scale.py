"""How far one coordinator carries: up to a thousand workers, in simulated time.

Workers and their trials (30 s, with a spread) are simulated; the asks, the jobs, their pickling,
the records and the storage are real, and the time they take is added to the simulated clock.
MLflow is left out: it is written aside. Then, without a storage: what the lag costs in idle
workers, and in the quality of the search on an objective shaped like learning curves.

    python -m benchmarks.scale [--workers 1 10 100 300 1000] [--postgres URL]
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

from benchmarks.idle import define_idle_study
from benchmarks.reporting import Report
from benchmarks.simulation import (
    FreeCoordinator,
    Load,
    RealCoordinator,
    draw_durations,
    simulate,
)
from hpsearch.records import State
from hpsearch.search import create_or_continue_study, open_storage, suggest_hyperparameters
from tests.postgres import Postgres, find_program

_LAGS = (1, 8, 32, 128, 1000)
_TRIAL_S = 30.0
_FEWEST = 40


def measure_load(storage: BaseStorage, n_workers: int, n_trials: int, sampler: str) -> Load:
    """Simulate one study on `storage`, with a lag of twice its workers."""
    lag = 2 * n_workers
    definition = define_idle_study(n_trials, sampler=sampler, lag=lag)
    search = create_or_continue_study(definition, storage, data_checksum="none")
    coordinator = RealCoordinator(search)
    return simulate(coordinator, n_workers, lag, n_trials, draw_durations(0, _TRIAL_S))


def measure_regret(lag: int, n_trials: int, seed: int) -> list[float]:
    """Distance of the best trial so far from the optimum, after each trial, with TPE."""
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
    """Where a learning curve ends: too small a step learns slowly, too large a one breaks off."""
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
    """Share of the workers' time that law 1 costs, were the coordinator infinitely fast."""
    n_trials = 20 * n_workers + 2 * lag
    durations = draw_durations(1, _TRIAL_S)
    return simulate(FreeCoordinator(), n_workers, lag, n_trials, durations).waited_for_lag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 10, 100, 300, 1000])
    parser.add_argument("--rounds", type=float, default=2.0, help="trials for each worker")
    parser.add_argument("--seeds", type=int, default=5, help="studies for each lag")
    parser.add_argument("--trials", type=int, default=200, help="of each of those studies")
    parser.add_argument("--postgres", metavar="URL", help="default: one of its own, if installed")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as scratch,
        _database(options.postgres) as url,
    ):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        run(Path(scratch), options.workers, options.rounds, options.seeds, options.trials, url)


def run(
    root: Path, workers: Sequence[int], rounds: float, n_seeds: int, n_trials: int, url: str | None
) -> Report:
    """Measure and report the load, then the price of the lag."""
    loads: dict[tuple[str, str], list[Load]] = {}
    report = Report(
        "scale",
        f"One coordinator, trials of {_TRIAL_S:.0f} s, lag = 2 x workers",
        (
            "storage",
            "sampler",
            "workers",
            "trials",
            "busy",
            "wait: coordinator",
            "wait: lag",
            "ms a trial",
            "saturates at",
        ),
    )
    for storage, sampler in _plan(url):
        for n_workers in workers:
            n = max(_FEWEST, round(rounds * n_workers))
            folder = root / f"{storage}-{sampler}-{n_workers}"
            load = measure_load(_open(storage, folder, url), n_workers, n, sampler)
            loads.setdefault((storage, sampler), []).append(load)
            report.add(storage, sampler, f"{n_workers:,}", f"{n:,}", *_describe(load))
            print(storage, sampler, n_workers, load, file=sys.stderr, flush=True)
    regrets = {lag: _regret_at_end(lag, n_trials, n_seeds) for lag in _LAGS}
    report.write(draw(workers, loads, regrets))
    report_lag(regrets, n_trials, n_seeds).write()
    return report


def report_lag(regrets: dict[int, list[float]], n_trials: int, n_seeds: int) -> Report:
    """What the lag costs: quality, and idle workers."""
    report = Report(
        "scale_lag",
        f"The price of the lag: regret after {n_trials} trials of TPE, {n_seeds} seeds; idleness",
        ("lag", "regret, median", "worst", "idle, workers = lag", "= lag / 2", "= lag / 4"),
    )
    for lag, found in regrets.items():
        shares = [idle_share(n, lag) if (n := lag // part) else None for part in (1, 2, 4)]
        report.add(
            f"{lag:,}",
            f"{median(found):.4f}",
            f"{max(found):.4f}",
            *("" if share is None else f"{share:.0%}" for share in shares),
        )
    return report


def draw(
    workers: Sequence[int],
    loads: dict[tuple[str, str], list[Load]],
    regrets: dict[int, list[float]],
) -> Figure:
    """Busy workers over their number, and regret over the lag."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (storage, sampler), found in loads.items():
        left.plot(workers, [load.busy for load in found], "o-", label=f"{storage}, {sampler}")
    left.set(xscale="log", ylim=(0, 1.02), xlabel="workers", ylabel="share of time in trials")
    left.legend(frameon=False)
    right.plot(list(regrets), [median(found) for found in regrets.values()], "o-")
    right.fill_between(
        list(regrets),
        [min(found) for found in regrets.values()],
        [max(found) for found in regrets.values()],
        alpha=0.2,
    )
    right.set(xscale="log", xlabel="lag", ylabel="regret of val_accuracy", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.25)
    return figure


def _plan(url: str | None) -> list[tuple[str, str]]:
    plan = [("journal", "tpe"), ("journal", "random")]
    return [*plan, ("PostgreSQL", "tpe"), ("PostgreSQL", "random")] if url else plan


def _open(storage: str, folder: Path, url: str | None) -> BaseStorage:
    folder.mkdir()
    if storage == "journal":
        return open_storage(None, folder / "journal")
    database = open_storage(url, folder, patience_s=60.0)
    with contextlib.suppress(KeyError):
        optuna.delete_study(study_name="idle", storage=database)
    return database


def _regret_at_end(lag: int, n_trials: int, n_seeds: int) -> list[float]:
    return [measure_regret(lag, n_trials, seed)[-1] for seed in range(n_seeds)]


def _describe(load: Load) -> tuple[str, ...]:
    return (
        f"{load.busy:.0%}",
        f"{load.waited_for_coordinator:.0%}",
        f"{load.waited_for_lag:.0%}",
        f"{1000 * load.cost_s:.0f}",
        f"{_TRIAL_S / load.cost_s:,.0f} workers",
    )


@contextlib.contextmanager
def _database(url: str | None) -> Iterator[str | None]:
    """`url`, or a PostgreSQL of our own if its programs are here, or None."""
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
