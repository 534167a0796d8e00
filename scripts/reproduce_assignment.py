"""Compute the results of the assignment's notebook, and compare them with the printed ones.

Every number that the notebook prints comes from NumPy's global generator, seeded twice for the
toy net and then never again; so the nets must be made and trained in the notebook's order.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import get_CIFAR10_data
from hpsearch.foundations.errors import HpsearchError
from hpsearch.gradcheck import eval_numerical_gradient, rel_error
from hpsearch.net import TwoLayerNet

Arrays: TypeAlias = tuple[NDArray[Any], ...]

TOY_SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]
FIRST_NET_LOSSES = [
    "2.302954",
    "2.302550",
    "2.297648",
    "2.259602",
    "2.204170",
    "2.118565",
    "2.051535",
    "1.988466",
    "2.006591",
    "1.951473",
]
LEARNING_RATES = np.array([0.7, 0.8, 0.9, 1, 1.1]) * 1e-3
REGS = [0.5, 0.6, 0.7]
SWEEP = [
    *("0.477", "0.469", "0.473", "0.485", "0.471", "0.471", "0.482", "0.474"),
    *("0.486", "0.496", "0.474", "0.474", "0.503", "0.472", "0.505"),
]


@dataclass(frozen=True)
class Figure:
    """A figure of the notebook and the one computed here, both as printed."""

    name: str
    notebook: str
    ours: str

    @property
    def is_equal(self) -> bool:
        """Whether every printed digit agrees."""
        return self.notebook == self.ours


def make_toy() -> tuple[TwoLayerNet, NDArray[Any], NDArray[Any]]:
    """Make the notebook's toy net and toy data, seeded as there."""
    np.random.seed(0)  # noqa: NPY002 - the notebook's generator is the global one
    net = TwoLayerNet(4, 10, 3, std=1e-1)
    np.random.seed(1)  # noqa: NPY002
    X = 10 * np.random.randn(5, 4)  # noqa: NPY002
    return net, X, np.array([0, 1, 2, 2, 1])


def check_toy() -> Iterator[Figure]:
    """Check the toy net: scores, loss, gradients, training."""
    net, X, y = make_toy()
    distance = np.sum(np.abs(net.loss(X) - np.array(TOY_SCORES)))
    yield Figure("toy: sum of score differences", "3.68e-08", f"{distance:.2e}")
    loss, gradients = net.loss(X, y, reg=0.05)
    yield Figure("toy: loss", "1.30378789133", f"{loss:.11f}")
    for name, gradient in gradients.items():
        numerical = eval_numerical_gradient(
            lambda _: net.loss(X, y, reg=0.05)[0], net.params[name], verbose=False
        )
        is_close = rel_error(numerical, gradient) < 1e-8
        yield Figure(
            f"toy: gradient of {name}", "within 1e-8", "within 1e-8" if is_close else "off"
        )
    np.random.seed(0)  # noqa: NPY002
    net = TwoLayerNet(4, 10, 3, std=1e-1)
    stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100)
    yield Figure("toy: final loss", "0.017149607938732093", repr(stats["loss_history"][-1]))


def check_first_net(data: Arrays) -> Iterator[Figure]:
    """Check the first net on CIFAR-10: ten losses and a validation accuracy of 0.287."""
    X_train, y_train, X_val, y_val = data[:4]
    net = TwoLayerNet(X_train.shape[1], 50, 10)
    stats = net.train(
        X_train,
        y_train,
        X_val,
        y_val,
        num_iters=1000,
        batch_size=200,
        learning_rate=1e-4,
        learning_rate_decay=0.95,
        reg=0.25,
    )
    for index, expected in enumerate(FIRST_NET_LOSSES):
        ours = f"{stats['loss_history'][100 * index]:.6f}"
        yield Figure(f"first net: loss at iteration {100 * index}", expected, ours)
    accuracy = np.mean(net.predict(X_val) == y_val)
    yield Figure("first net: validation accuracy", "0.287", f"{accuracy:.3f}")


def check_sweep(data: Arrays) -> Iterator[Figure]:
    """Check the sweep over 15 settings, then the best net's test accuracy."""
    X_train, y_train, X_val, y_val, X_test, y_test = data
    best_accuracy, best_net = -1.0, None
    settings = [(lr, reg) for lr in LEARNING_RATES for reg in REGS]
    for (learning_rate, reg), expected in zip(settings, SWEEP, strict=True):
        net = TwoLayerNet(X_train.shape[1], 120, 10)
        net.train(
            X_train, y_train, X_val, y_val, learning_rate=learning_rate, reg=reg, num_iters=1500
        )
        accuracy = float(np.mean(net.predict(X_val) == y_val))
        yield Figure(f"sweep: lr {learning_rate:f}, reg {reg:f}", expected, f"{accuracy:.3f}")
        if accuracy > best_accuracy:
            best_accuracy, best_net = accuracy, net
    assert best_net is not None
    yield Figure("sweep: best validation accuracy", "0.505", f"{best_accuracy:.3f}")
    test_accuracy = np.mean(best_net.predict(X_test) == y_test)
    yield Figure("test accuracy", "0.504", f"{test_accuracy:.3f}")


def check_all(data_dir: Path | None, *, toy_only: bool) -> Iterator[Figure]:
    """Check all figures in the notebook's order."""
    yield from check_toy()
    if not toy_only:
        data = get_CIFAR10_data(data_dir=data_dir)
        yield from check_first_net(data)
        yield from check_sweep(data)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures as they are computed; return 0 if all are equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path, help="default: HPSEARCH_DATA_DIR")
    parser.add_argument("--toy", action="store_true", help="only the toy net; needs no data")
    options = parser.parse_args(arguments)
    figures = []
    print(f"{'':42} {'notebook':>22} {'ours':>22}", flush=True)
    try:
        for figure in check_all(options.data_dir, toy_only=options.toy):
            figures.append(figure)
            mark = "equal" if figure.is_equal else "DIFFERENT"
            print(f"{figure.name:42} {figure.notebook:>22} {figure.ours:>22}  {mark}", flush=True)
    except HpsearchError as error:
        print(f"reproduce_assignment: {error}", file=sys.stderr)
        return error.exit_code
    n_equal = sum(figure.is_equal for figure in figures)
    print(f"{n_equal} of {len(figures)} figures equal")
    return 0 if n_equal == len(figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
