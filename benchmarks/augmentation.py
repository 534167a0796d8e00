"""Cost of augmentation: time to draw a batch, relative to a step of 1,024 units on the same inputs.

A batch is drawn from the memory-mapped pixels, flipped, shifted, cut out, its contrast normalised,
and either used as pixels or projected on 500 whitened components or frequencies. Images that are
not augmented are projected once, when data is prepared; those that are, in each step.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from benchmarks.images import open_split, prepare_cifar10
from benchmarks.reporting import RESULTS, Report, judge
from benchmarks.rounds import time_in_turns
from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.augmentation import Augmentation
from hpsearch.trainers.two_layer_net.basis import Frequencies, PrincipalComponents
from hpsearch.trainers.two_layer_net.batches import BatchReader
from hpsearch.trainers.two_layer_net.split import Split
from hpsearch.trainers.two_layer_net.start import make_net
from hpsearch.trainers.two_layer_net.step import Step

# Time to draw a batch, relative to a step on the same inputs.
GOAL = 0.25
N_INPUTS = 500
SETTING = Hyperparameters(
    learning_rate=1e-3,
    learning_rate_decay=1.0,
    reg=1e-4,
    hidden_size=1024,
    epochs=1,
    batch_size=250,
    initial_std=0.01,
    contrast_normalization="per_image",
    optimizer="nesterov",
)
CHANGES = {
    "mirror": Augmentation(horizontal_flip=0.5),
    "mirror, shift by 4": Augmentation(horizontal_flip=0.5, max_shift=4),
    "mirror, shift by 4, cut out 8": Augmentation(horizontal_flip=0.5, max_shift=4, cutout=8),
}


def make_programs(split: Split, setting: Hyperparameters) -> dict[str, Callable[[], object]]:
    """Make a step without augmentation, and the drawing of batches without and with it."""
    rng = np.random.default_rng(0)
    step = Step(make_net(split, setting, rng), setting, rng, {})
    order, n = rng.permutation(len(split.train_rows)), setting.batch_size
    numbers = np.sort(order[:n])
    plain = BatchReader(split, n)
    inputs = plain(numbers, rng).copy()
    targets = np.eye(split.n_classes, dtype=np.float32)[split.train_labels[numbers]]
    assert split.plain is not None
    assert split.image_shape is not None
    mean_image = split.plain.mean_image.astype(np.uint8).reshape(split.image_shape)

    def read_with(reader: BatchReader) -> Callable[[], object]:
        return lambda: reader(np.sort(rng.choice(order, n, replace=False)), rng)

    return {
        "step": lambda: step(inputs, targets, setting.learning_rate),
        "plain": read_with(plain),
        **{
            name: read_with(BatchReader(split, n, replace(augmentation, filling=mean_image)))
            for name, augmentation in CHANGES.items()
        },
    }


def measure(splits: dict[str, Split], rounds: dict[str, int], folder: Path) -> Report:
    """Time the programs in turns, on one thread."""
    table = Report(
        "augmentation",
        "Drawing 250 CIFAR-10 images: in steps of 1,024 units on the same inputs",
        ["inputs", "a step", "batch drawn plainly", *CHANGES, "goal"],
        folder,
    )
    for name, split in splits.items():
        with threadpool_limits(1):
            seconds = time_in_turns(make_programs(split, SETTING), **rounds)
        step, *drawn = seconds.values()
        table.add(
            name,
            f"{1e3 * step:.1f} ms",
            *(f"{one / step:.2f}" for one in drawn),
            judge(drawn[-1] / step, GOAL),
        )
    return table


def draw(report: Report) -> Figure:
    """Draw a bar for each augmentation: time to draw a batch, relative to a step."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    ways = ["plain", *CHANGES]
    height = 0.8 / len(report.rows)
    for index, row in enumerate(report.rows):
        places = np.arange(len(ways)) + height * index
        axes.barh(places, [float(cell) for cell in row[2:-1]], 0.9 * height, label=row[0])
    axes.set_yticks(np.arange(len(ways)) + 0.4 - height / 2, ways)
    axes.set(xlabel="time of drawing a batch / time of a step of 1,024 units")
    axes.legend(frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=8, help="calls of each in a turn")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    bases = {
        "pixels": None,
        f"{N_INPUTS} components": PrincipalComponents(count=N_INPUTS),
        f"{N_INPUTS} frequencies": Frequencies(N_INPUTS),
    }
    whitened = replace(SETTING.inputs, whitening=0.25)
    splits = {
        name: open_split(prepare_cifar10(basis, is_augmentable=True)).with_inputs(
            whitened if basis else SETTING.inputs
        )
        for name, basis in bases.items()
    }
    report = measure(splits, {"n_rounds": options.rounds, "n_calls": options.calls}, options.folder)
    report.write(draw(report))


if __name__ == "__main__":
    main()
