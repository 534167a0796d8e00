"""CIFAR-10 for benchmarks, prepared once in their results folder."""

import os
from pathlib import Path

from benchmarks.reporting import RESULTS
from hpsearch.data import Basis, PreparedData, SplitSpec, prepare
from hpsearch.data.cifar10 import Cifar10, find_cifar10
from hpsearch.errors import DataError

__all__ = ["find_images", "prepare_cifar10"]


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
    """Prepare CIFAR-10 in the assignment's split."""
    cut = SplitSpec(49_000, 1_000, basis=basis, is_augmentable=is_augmentable)
    return prepare(find_images(), cut, RESULTS / "data")
