"""Reference for matrix products, equal to the bit, and a way to run it for another processor."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["multiply_in_order", "print_without_avx512"]


def multiply_in_order(
    left: NDArray[np.float32], right: NDArray[np.float32], start: NDArray[np.float32] | float = 0
) -> NDArray[np.float32]:
    """start + left @ right, summed in order with fused multiply-add.

    A product of two float32 is exact in float64. The sum is rounded there, too, before it is
    in float32; that this should change it has a chance of one in 2**29.
    """
    total = np.zeros((len(left), right.shape[1]), np.float32) + np.float32(start)
    for k in range(left.shape[1]):
        products = left[:, k, np.newaxis].astype(np.float64) * right[k].astype(np.float64)
        total = (total + products).astype(np.float32)
    return total


def print_without_avx512(program: str, cache: Path, *features: str) -> str:
    """Return the output of `program`, compiled for a processor with AVX2 and `features`."""
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": ",".join(f"+{one}" for one in ("avx", "avx2", "fma", *features)),
        "NUMBA_CACHE_DIR": str(cache),
    }
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stdout.strip()
