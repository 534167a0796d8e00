"""A training step compared with its lower bound, with other libraries, and on principal components.

The lower bound ("floor") is the time of a step's two large products alone, by BLAS, in the memory
layout in which they are fastest. Our step is timed completely: drawing the batch from the
memory-mapped images, centring, loss, update. A trial trains on one core, so all are timed on one:
each hidden size in a process that has no more, as some libraries have no setting for their number
of threads.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from benchmarks.cores import call_on_cores
from benchmarks.images import open_split, prepare_cifar10
from benchmarks.peers import PEERS, make_plain_step
from benchmarks.reporting import RESULTS, Report
from benchmarks.rounds import time_in_turns
from hpsearch.datasets import PreparedData
from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.basis import PrincipalComponents
from hpsearch.trainers.two_layer_net.batches import BatchReader, make_reader
from hpsearch.trainers.two_layer_net.products import Blocks
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.start import make_net
from hpsearch.trainers.two_layer_net.step import Step
from hpsearch.trainers.two_layer_net.targets import TargetMaker

BATCH_SIZE, N_CLASSES = 200, 10
N_IMAGES = 50 * BATCH_SIZE  # for the other libraries, which need them as floats in memory
LEARNING_RATE, REG = 1e-3, 0.1
GOALS = {50: 0.80, 120: 0.90, 500: 0.90, 1024: 0.90}
N_COMPONENTS = 300


def make_step(split: Split, n_hidden: int) -> Callable[[], object]:
    """Make our step, including the drawing of its batch."""
    rng = np.random.default_rng(0)
    setting = Hyperparameters(
        learning_rate=LEARNING_RATE,
        learning_rate_decay=0.95,
        reg=REG,
        hidden_size=n_hidden,
        epochs=1,
        batch_size=BATCH_SIZE,
        initial_std=1e-4,
    )
    read = make_reader(split, setting)
    step = Step(make_net(split, setting, rng), setting, rng, {})
    make_targets = TargetMaker(split.n_classes, label_smoothing=0.0, mixup=0.0)
    order, start = rng.permutation(len(split.train_rows)), 0

    def take() -> object:
        nonlocal start
        numbers = np.sort(order[start : start + BATCH_SIZE])
        start = (start + BATCH_SIZE) % (len(order) - BATCH_SIZE)
        inputs = read(numbers, rng)
        return step(inputs, make_targets(inputs, split.train_labels[numbers], rng), LEARNING_RATE)

    return take


def make_floor(n_inputs: int, n_hidden: int, order: str) -> Callable[[], object]:
    """Make the two large products of a step, with W1 and its gradient in C or Fortran order."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((BATCH_SIZE, n_inputs), dtype=np.float32)
    W1 = np.asarray(rng.standard_normal((n_inputs, n_hidden)), np.float32, order=order)  # type: ignore[call-overload]
    dhidden = rng.standard_normal((BATCH_SIZE, n_hidden), dtype=np.float32)
    hidden, dW1 = np.empty_like(dhidden), np.empty_like(W1)

    def multiply() -> object:
        return np.matmul(inputs, W1, out=hidden), np.matmul(inputs.T, dhidden, out=dW1)

    return multiply


def compare(
    data: tuple[PreparedData, PreparedData], n_hidden: int, rounds: dict[str, int]
) -> dict[str, float]:
    """Time one step of each on CIFAR-10: ours, the floor, and the others."""
    pixels, components = (open_split(one) for one in data)
    n_inputs = pixels.preprocessing.n_inputs
    first = np.arange(N_IMAGES)
    X = Blocks(n_inputs).join(BatchReader(pixels, N_IMAGES)(first, np.random.default_rng(0)))
    y = pixels.train_labels[first]
    with threadpool_limits(1):
        _set_torch_threads()
        programs = {
            "ours": make_step(pixels, n_hidden),
            "floor by rows": make_floor(n_inputs, n_hidden, "C"),
            "floor by columns": make_floor(n_inputs, n_hidden, "F"),
            "plain loop": make_plain_step(X, y, n_hidden, BATCH_SIZE),
            **{name: make(X, y, n_hidden, BATCH_SIZE) for name, make in PEERS.items()},
            "ours, 300 components": make_step(components, n_hidden),
        }
        seconds = time_in_turns(programs, **rounds)
    floors = [seconds.pop("floor by rows"), seconds.pop("floor by columns")]
    return {"floor": min(floors), **seconds}


def _set_torch_threads() -> None:
    if "PyTorch eager" in PEERS:
        import torch

        torch.set_num_threads(1)


def report(data: tuple[PreparedData, PreparedData], rounds: dict[str, int], folder: Path) -> None:
    """Measure, print and draw."""
    others = ["plain loop", *PEERS]
    table = Report(
        "trainer",
        "One step of 200 CIFAR-10 images: times as long as ours",
        ["units", "ours", "floor", "goal", *others, "300 components"],
        folder,
    )
    ratios: dict[int, dict[str, float]] = {}
    for n_hidden, goal in GOALS.items():
        seconds = call_on_cores(1, compare, data, n_hidden, rounds)
        ours = seconds["ours"]
        ratios[n_hidden] = relative = {name: value / ours for name, value in seconds.items()}
        table.add(
            str(n_hidden),
            f"{1e3 * ours:.2f} ms",
            f"{relative['floor']:.2f}",
            f">= {goal:.2f} {'met' if relative['floor'] >= goal else 'MISSED'}",
            *(f"{relative[name]:.2f}" for name in others),
            f"{relative['ours, 300 components']:.2f}",
        )
    table.write(draw(ratios))


def draw(ratios: dict[int, dict[str, float]]) -> Figure:
    """Draw bars for each hidden size: time relative to ours."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    names = list(next(iter(ratios.values())))
    width = 0.8 / len(names)
    for index, name in enumerate(names):
        places = np.arange(len(ratios)) + (index - len(names) / 2) * width
        axes.bar(places, [ratios[size][name] for size in ratios], width, label=name)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(ratios)), [str(size) for size in ratios])
    axes.set(xlabel="hidden_size", ylabel="time of a step / ours", title="One core")
    figure.legend(loc="outside upper center", frameon=False, ncols=4)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=16, help="steps of each in a turn")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    bases = (None, PrincipalComponents(count=N_COMPONENTS))
    pixels, components = (prepare_cifar10(basis) for basis in bases)
    # An epoch has hundreds of steps in a row: only from about the tenth on is a step as fast.
    rounds = {"n_rounds": options.rounds, "n_calls": options.calls, "n_warm": 10}
    report((pixels, components), rounds, options.folder)


if __name__ == "__main__":
    main()
