"""CIFAR-10 for benchmarks, prepared once in their results folder."""

import os
from dataclasses import asdict
from pathlib import Path

from benchmarks.reporting import RESULTS
from hpsearch.datasets import PreparedData, SplitSpec, open_splits, prepare
from hpsearch.datasets.cifar10 import Cifar10
from hpsearch.datasets.cifar10_finding import find_cifar10
from hpsearch.foundations.errors import DataError
from hpsearch.trainers.finding import TRAINERS, TrainerSpec
from hpsearch.trainers.two_layer_net.basis import Basis
from hpsearch.trainers.two_layer_net.split import Split, make_split

__all__ = ["find_images", "open_split", "prepare_cifar10"]


def find_images() -> Cifar10:
    """Find CIFAR-10 in HPSEARCH_DATA_DIR or download it; exit if that fails."""
    given = os.environ.get("HPSEARCH_DATA_DIR")
    try:
        return find_cifar10(
            [Path(given)] if given else [], RESULTS / "data" / "downloads", show_progress=True
        )
    except DataError as error:
        raise SystemExit(str(error)) from None


def prepare_cifar10(basis: Basis | None = None, *, is_augmentable: bool = False) -> PreparedData:
    """Prepare CIFAR-10 in the assignment's split, for the two-layer net."""
    plan = {"basis": asdict(basis) if basis else None, "is_augmentable": is_augmentable}
    preparation = TrainerSpec(TRAINERS["two_layer_net"]).preparation(plan)
    return prepare(find_images(), SplitSpec(49_000, 1_000), RESULTS / "data", preparation)


def open_split(data: PreparedData) -> Split:
    """Memory-map the training split of data prepared for the two-layer net."""
    splits = open_splits(data)
    return make_split(data.schema, splits.derived, splits.train, splits.train_targets)
