"""Effect of input transforms on accuracy: paired nets on pixels, components and frequencies.

The same hyperparameters and seeds on CIFAR-10 with each transform. Nets are evaluated on the 10,000
test images, outside of any study: this measures the program, and none of the nets is kept.
"""

import argparse
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.progress import track
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.images import open_split, prepare_cifar10
from benchmarks.reporting import RESULTS, Report
from hpsearch.datasets import PreparedData
from hpsearch.trainers.two_layer_net import Hyperparameters, score
from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.sgd import GradientDescent
from hpsearch.trainers.two_layer_net.start import make_net

SETTINGS = tuple(
    Hyperparameters(
        learning_rate=learning_rate,
        learning_rate_decay=0.9,
        reg=reg,
        hidden_size=hidden_size,
        epochs=10,
        batch_size=200,
        initial_std=1e-4,
    )
    for learning_rate, reg, hidden_size in itertools.product(
        (1e-3, 1.5e-3, 2e-3), (0.01, 0.1), (120, 350)
    )
)
BASES: Mapping[str, Basis] = {
    **{f"{count} components": PrincipalComponents(count=count) for count in (150, 300, 650)},
    **{f"{count} frequencies": Frequencies(count) for count in (150, 200, 300)},
}


@dataclass(frozen=True)
class Score:
    """Result of one net: accuracy on the test images, and seconds of training."""

    test_accuracy: float
    seconds: float


def train_and_score(setting: Hyperparameters, seed: int, data: PreparedData) -> Score:
    """Train one net and evaluate it on the test images."""
    with threadpool_limits(1):
        split = open_split(data)
        rng = np.random.default_rng(seed)
        net = make_net(split, setting, rng)
        started = time.perf_counter()
        descent = GradientDescent(net, split, setting, rng, {})
        for number in range(1, setting.epochs + 1):
            descent.train_epoch(number)
        seconds = time.perf_counter() - started
        with np.load(data.folder / "test.npz") as test:
            scores = score(net, split.preprocessing.apply(test["inputs"]))
            return Score(float(np.mean(scores.argmax(axis=1) == test["targets"])), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    all_data = [prepare_cifar10(basis) for basis in (None, *BASES.values())]
    tasks = list(itertools.product(SETTINGS, range(options.seeds), all_data))
    outcomes = Parallel(n_jobs=options.jobs, return_as="generator")(
        delayed(train_and_score)(*task) for task in tasks
    )
    scores = np.array(
        [
            (one.test_accuracy, one.seconds)
            for one in track(outcomes, "training", len(tasks), transient=True)
        ]
    ).reshape(len(SETTINGS) * options.seeds, len(all_data), 2)
    report(scores[..., 0], scores[..., 1], options.folder)


def report(accuracies: NDArray[np.float64], seconds: NDArray[np.float64], folder: Path) -> None:
    """Report the mean paired differences, with 95 % confidence intervals by Student's t."""
    table = Report(
        "basis",
        f"Other bases against pixels: {len(accuracies)} pairs of nets for each, on CIFAR-10",
        ["basis", "test_accuracy", "pixels'", "difference", "95 % interval", "speed-up"],
        folder,
    )
    for column, name in enumerate(BASES, 1):
        differences = accuracies[:, column] - accuracies[:, 0]
        low, high = stats.t.interval(
            0.95, len(differences) - 1, np.mean(differences), stats.sem(differences)
        )
        table.add(
            name,
            f"{accuracies[:, column].mean():.4f}",
            f"{accuracies[:, 0].mean():.4f}",
            f"{differences.mean():+.4f}",
            f"{low:+.4f} to {high:+.4f}",
            f"{np.median(seconds[:, 0] / seconds[:, column]):.1f}",
        )
    table.write(draw(accuracies))


def draw(accuracies: NDArray[np.float64]) -> Figure:
    """Draw each pair as a point, in a panel for each transform."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    limits = accuracies.min() - 0.005, accuracies.max() + 0.005
    panels = figure.subplots(2, len(BASES) // 2).flat
    for axes, (column, name) in zip(panels, enumerate(BASES, 1), strict=True):
        axes.plot(limits, limits, color="#999999", linewidth=0.8)
        axes.plot(accuracies[:, 0], accuracies[:, column], "o", alpha=0.6, color="#0072B2")
        axes.set(xlabel="test_accuracy on pixels", title=name)
        axes.set_aspect("equal")
    return figure


if __name__ == "__main__":
    main()
