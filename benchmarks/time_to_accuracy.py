"""Core-seconds until the validation accuracy on CIFAR-10 first reaches 0.48, 0.50 and 0.52.

Compared are the assignment's grid on pixels, random search, TPE with each pruner, and one epoch of
all trials before the best continue, all of these with the input transform of the study cifar10. The
time to project the images is counted.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from rich.progress import track

from benchmarks.images import prepare_cifar10
from benchmarks.race import Moment, Runner, follow, one_epoch_first, vary
from benchmarks.reporting import RESULTS, Report
from hpsearch.datasets import PreparedData, open_splits
from hpsearch.trainers.two_layer_net.basis import load_basis

LEVELS = (0.48, 0.50, 0.52)
GRID = "the assignment's grid"
# Core-seconds to 0.50, relative to the grid.
GOAL = 0.1


@dataclass(frozen=True)
class Strategy:
    """A search strategy."""

    name: str
    study: str
    search: Mapping[str, Any]
    run: Runner = follow


STRATEGIES = (
    Strategy(GRID, "assignment_grid", {}),
    Strategy("random", "cifar10", {"sampler": "random", "pruner": "none", "first": ()}),
    Strategy("TPE", "cifar10", {"sampler": "tpe", "pruner": "none", "first": ()}),
    Strategy("TPE, median", "cifar10", {"sampler": "tpe", "pruner": "median", "first": ()}),
    Strategy("TPE, percentile", "cifar10", {"sampler": "tpe", "pruner": "percentile", "first": ()}),
    Strategy(
        "TPE, halving", "cifar10", {"sampler": "tpe", "pruner": "successive_halving", "first": ()}
    ),
    Strategy("TPE, hyperband", "cifar10", {"sampler": "tpe", "pruner": "hyperband", "first": ()}),
    Strategy("TPE, patient", "cifar10", {"sampler": "tpe", "pruner": "patient", "first": ()}),
    Strategy(
        "one epoch, best 8",
        "cifar10",
        {"sampler": "random", "pruner": "none", "first": ()},
        one_epoch_first(8),
    ),
    Strategy("cifar10 as shipped", "cifar10", {}),
)


def time_basis(data: PreparedData) -> float:
    """Core-seconds that the input transform adds to preparing `data`."""
    basis = load_basis(data.preparation["plan"]["basis"])
    if basis is None:
        return 0.0
    from hpsearch.trainers.two_layer_net.fitting import fit_training_images

    splits = open_splits(prepare_cifar10())
    images, mean_image = np.array(splits.train), splits.derived["mean_image"]
    started = time.process_time()
    assert data.image_shape is not None
    fit_training_images(images, mean_image, data.image_shape, basis, False)
    return time.process_time() - started


def reach(strategy: Strategy, seed: int, data: PreparedData, basis_s: float) -> dict[float, float]:
    """Core-seconds to each level; infinity if the study does not reach it."""
    definition = vary(strategy.study, seed, **strategy.search)
    times = dict.fromkeys(LEVELS, float("inf"))
    with tempfile.TemporaryDirectory() as scratch:
        moments = strategy.run(definition, data, Path(scratch))
        for moment in _until_the_last_level(moments):
            for level in LEVELS:
                if moment.val_score >= level:
                    times[level] = min(times[level], basis_s + moment.core_s)
    return times


def _until_the_last_level(moments: Iterator[Moment]) -> Iterator[Moment]:
    for moment in moments:
        yield moment
        if moment.val_score >= LEVELS[-1]:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    # Prepared once, before anything is timed.
    data = {strategy.study: _prepare(strategy.study) for strategy in STRATEGIES}
    basis_s = {study: time_basis(one) for study, one in data.items()}
    # Seeds in the outer loop, so that drifts of the machine's speed affect all strategies alike.
    tasks = list(itertools.product(range(options.seeds), STRATEGIES))
    calls = (
        delayed(reach)(strategy, seed, data[strategy.study], basis_s[strategy.study])
        for seed, strategy in tasks
    )
    outcomes = Parallel(n_jobs=options.jobs, return_as="generator")(calls)
    times: dict[str, list[dict[float, float]]] = {strategy.name: [] for strategy in STRATEGIES}
    for (_, strategy), outcome in track(
        zip(tasks, outcomes, strict=True), "searching", len(tasks), transient=True
    ):
        times[strategy.name].append(outcome)
    report(times, basis_s["cifar10"], options.folder)


def _prepare(study: str) -> PreparedData:
    definition = vary(study, 0)
    plan = definition.trainer.preparation(definition.search.space).identity["plan"]
    return prepare_cifar10(load_basis(plan["basis"]), is_augmentable=plan["is_augmentable"])


def report(
    times: Mapping[str, Sequence[Mapping[float, float]]], basis_s: float, folder: Path
) -> None:
    """Print and draw medians over the seeds."""
    n_seeds = len(times[GRID])
    table = Report(
        "time_to_accuracy",
        f"Core-seconds to a validation accuracy on CIFAR-10, medians of {n_seeds} seeds "
        f"({basis_s:.1f} s of each but the grid's for writing the images in their basis)",
        ["search", *(f"{level:.2f}" for level in LEVELS), "0.50 / grid's", "goal"],
        folder,
    )
    medians = {
        name: {level: median(one[level] for one in all_of_it) for level in LEVELS}
        for name, all_of_it in times.items()
    }
    for name, reached in medians.items():
        share = reached[0.50] / medians[GRID][0.50]
        met = "met" if share <= GOAL else "MISSED"
        table.add(
            name,
            *(_show(reached[level]) for level in LEVELS),
            f"{share:.2f}",
            f"<= {GOAL:.2f} {met}" if name == "cifar10 as shipped" else "",
        )
    table.write(draw(times))


def _show(seconds: float) -> str:
    return "not reached" if seconds == float("inf") else f"{seconds:.1f}"


def draw(times: Mapping[str, Sequence[Mapping[float, float]]]) -> Figure:
    """Draw each seed as a point, in a panel for each level."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, level in zip(figure.subplots(1, len(LEVELS), sharey=True), LEVELS, strict=True):
        for place, all_of_it in enumerate(times.values()):
            found = [one[level] for one in all_of_it if one[level] < float("inf")]
            axes.plot(found, [place] * len(found), "o", alpha=0.6, color="#0072B2")
        axes.set(xscale="log", xlabel="core-seconds", title=f"val_accuracy {level:.2f}")
        axes.set_yticks(range(len(times)), list(times))
        axes.grid(alpha=0.25)
    return figure


if __name__ == "__main__":
    main()
