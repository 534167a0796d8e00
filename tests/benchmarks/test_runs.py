"""What is counted as a worker's own memory."""

from pathlib import Path

import numpy as np
import psutil

from benchmarks.runs import count_private_bytes
from hpsearch.data.prepared import TRAIN_IMAGES_FILE

N_BYTES = 64_000_000


def test_mapped_images_are_no_private_memory_and_all_else_is(tmp_path: Path) -> None:
    for name in (TRAIN_IMAGES_FILE, "other.npy"):
        np.save(tmp_path / name, np.ones(N_BYTES, np.uint8))
    here = psutil.Process()
    before = count_private_bytes(here)
    images = np.load(tmp_path / TRAIN_IMAGES_FILE, mmap_mode="r")
    assert images.sum() == N_BYTES
    with_images = count_private_bytes(here)
    other = np.load(tmp_path / "other.npy", mmap_mode="r")
    assert other.sum() == N_BYTES
    own = np.ones(N_BYTES, np.uint8)
    with_all = count_private_bytes(here)
    assert with_images - before < 0.1 * N_BYTES
    assert 1.9 * N_BYTES < with_all - with_images < 2.1 * N_BYTES
    assert own.any()
