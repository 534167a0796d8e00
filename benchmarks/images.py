"""CIFAR-10 for benchmarks, prepared once beside their results."""

import os
from pathlib import Path

from benchmarks.reporting import RESULTS
from hpsearch.data import PreparedData, PrincipalComponents, find_source, prepare

__all__ = ["prepare_cifar10"]


def prepare_cifar10(basis: PrincipalComponents | None = None) -> PreparedData:
    """The assignment's cut of CIFAR-10, from HPSEARCH_DATA_DIR or downloaded."""
    folder = RESULTS / "data"
    given = os.environ.get("HPSEARCH_DATA_DIR")
    source = find_source(
        "cifar10",
        folders=[Path(given)] if given else [],
        download_folder=folder / "downloads",
        show_progress=True,
    )
    return prepare(
        source, n_train=49_000, n_validation=1_000, n_test=None, folder=folder, basis=basis
    )
