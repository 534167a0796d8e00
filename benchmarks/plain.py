"""The assignment's sweep as in its notebook: float64, one net after the other.

    python -m benchmarks.plain DATA_DIR [--processes 2] [--threads 1] [--iterations 1500]

Prints a line of JSON: the seconds of the sweep itself, without loading, and the best validation
accuracy. Several processes share the images and divide the nets among them.
"""

import argparse
import itertools
import json
import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hpsearch.data import get_CIFAR10_data
from hpsearch.net import TwoLayerNet

__all__ = ["SETTINGS", "sweep"]

Arrays: TypeAlias = Sequence[NDArray[Any]]
Setting: TypeAlias = tuple[float, float]

SETTINGS = tuple(itertools.product((0.7e-3, 0.8e-3, 0.9e-3, 1.0e-3, 1.1e-3), (0.5, 0.6, 0.7)))
HIDDEN_SIZE = 120


def sweep(
    data: Arrays, settings: Sequence[Setting], n_iterations: int, n_processes: int
) -> list[float]:
    """Train a net for each of `settings`; return their validation accuracies, in any order.

    Parameters
    ----------
    data : sequence of arrays
        As returned by `get_CIFAR10_data`, training and validation first.
    settings : sequence of (float, float)
        Learning rate and regularization strength of each net.
    n_iterations : int
        Steps of each net.
    n_processes : int
        1 for this process.
    """
    if n_processes == 1:
        return [train(data, *setting, n_iterations) for setting in settings]
    # Forked, so that a gigabyte of float64 images is shared without copying.
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def work(share: Sequence[Setting]) -> None:
        queue.put(sweep(data, share, n_iterations, 1))

    shares = [settings[first::n_processes] for first in range(n_processes)]
    processes = [context.Process(target=work, args=(share,)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()  # does not block: its results fit into a pipe
        if process.exitcode:
            raise SystemExit(f"benchmarks.plain: a process ended with {process.exitcode}")
    return [accuracy for _ in processes for accuracy in queue.get()]


def train(data: Arrays, learning_rate: float, reg: float, n_iterations: int) -> float:
    """Train one net with the notebook's own call; return its validation accuracy."""
    X_train, y_train, X_val, y_val = data[:4]
    net = TwoLayerNet(X_train.shape[1], HIDDEN_SIZE, 10)
    net.train(
        X_train,
        y_train,
        X_val,
        y_val,
        learning_rate=learning_rate,
        reg=reg,
        num_iters=n_iterations,
    )
    return float(np.mean(net.predict(X_val) == y_val))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of BLAS, in each process")
    parser.add_argument("--nets", type=int, default=len(SETTINGS))
    parser.add_argument("--iterations", type=int, default=1500, help="of each net")
    options = parser.parse_args()
    with threadpool_limits(options.threads):
        data = get_CIFAR10_data(data_dir=options.data_dir)
        started = time.perf_counter()
        accuracies = sweep(data, SETTINGS[: options.nets], options.iterations, options.processes)
        sweep_s = time.perf_counter() - started
    print(json.dumps({"sweep_s": sweep_s, "val_accuracy": max(accuracies)}))


if __name__ == "__main__":
    main()
