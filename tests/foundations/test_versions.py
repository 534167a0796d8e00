import platform
from pathlib import Path

import pytest

from hpsearch.foundations.versions import machine_versions


def test_the_processor_is_told_by_more_than_its_architecture() -> None:
    """Two machines of one architecture may round differently."""
    processor = machine_versions()["processor"]
    assert processor.startswith(platform.machine())
    if not Path("/proc/cpuinfo").exists() or "model name" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("the system does not tell")
    assert " family " in processor
    assert len(processor) > len(f"{platform.machine()}  family  model ")


def test_numpy_and_blas_are_told_with_their_versions() -> None:
    versions = machine_versions()
    for name in ("numpy", "numba", "llvmlite", "optuna", "blas", "libc"):
        assert any(letter.isdigit() for letter in versions[name]), name
