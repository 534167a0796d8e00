"""What is counted as a worker's own memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from hpsearch.data.prepared import TRAIN_IMAGES_FILE

N_BYTES = 64_000_000

# In a process that does nothing else.
_PROGRAM = """
import sys
import numpy as np
import psutil
from benchmarks.runs import count_private_bytes
def read(path):
    mapped = np.load(path, mmap_mode="r")
    mapped.sum()
    return mapped
here = psutil.Process()
_, n_bytes, images_path, other_path = sys.argv
counts = [count_private_bytes(here)]
images = read(images_path)
counts.append(count_private_bytes(here))
other, own = read(other_path), np.ones(int(n_bytes), np.uint8)
counts.append(count_private_bytes(here))
print(*counts)
"""


def test_mapped_images_are_no_private_memory_and_all_else_is(tmp_path: Path) -> None:
    paths = [tmp_path / TRAIN_IMAGES_FILE, tmp_path / "other.npy"]
    for path in paths:
        np.save(path, np.ones(N_BYTES, np.uint8))
    command = [sys.executable, "-c", _PROGRAM, str(N_BYTES), *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    before, with_images, with_all = map(int, run.stdout.split())
    assert with_images - before < 0.2 * N_BYTES
    assert 1.8 * N_BYTES < with_all - with_images < 2.2 * N_BYTES
