"""Measurement of a worker's private memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from hpsearch.datasets.prepared import TRAIN_FILE

N_BYTES = 64_000_000

# In a process that does nothing else.
_PROGRAM = """
import sys
import numpy as np
import psutil
from benchmarks.runs import measure_memory
def read(path):
    mapped = np.load(path, mmap_mode="r")
    mapped.sum()
    return mapped
here = psutil.Process()
_, n_bytes, images_path, other_path = sys.argv
looks = [measure_memory(here)]
images = read(images_path)
looks.append(measure_memory(here))
other, own = read(other_path), np.ones(int(n_bytes), np.uint8)
looks.append(measure_memory(here))
for look in looks:
    print(look.private, look.images)
"""


def test_mapped_images_are_distinguished_from_other_private_memory(tmp_path: Path) -> None:
    paths = [tmp_path / TRAIN_FILE, tmp_path / "other.npy"]
    for path in paths:
        np.save(path, np.ones(N_BYTES, np.uint8))
    command = [sys.executable, "-c", _PROGRAM, str(N_BYTES), *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    looks = np.array([line.split() for line in run.stdout.splitlines()], np.int64) / N_BYTES
    np.testing.assert_allclose(looks[:, 1], [0, 1, 1], atol=0.01)
    np.testing.assert_allclose(looks[:, 0] - looks[0, 0], [0, 1, 3], atol=0.2)
