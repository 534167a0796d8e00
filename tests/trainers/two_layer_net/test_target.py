"""The recorded processor and features are those that numba compiles for."""

import json
import os
import subprocess
import sys

import pytest

from hpsearch.engine.training.trial_failures import read_versions
from hpsearch.trainers.two_layer_net.products import CAN_MULTIPLY_BYTES
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

PROGRAM = """
import json
from hpsearch.engine.training.trial_failures import read_versions
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
print(json.dumps(read_versions(TwoLayerNetTrainer)))
"""


def _read_here() -> dict[str, str]:
    return read_versions(TwoLayerNetTrainer)


def _read(**environment: str) -> dict[str, str]:
    """Read the versions in a new process."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    versions: dict[str, str] = json.loads(run.stdout)
    return versions


def test_everything_that_affects_bits_has_a_version() -> None:
    versions = _read_here()
    assert versions.keys() == {
        *("hpsearch", "python", "numpy", "numba", "llvmlite", "optuna", "libc"),
        *("blas", "numpy_simd", "processor", "cpu_name", "cpu_features"),
        *("float32_products", "pixel_products", "math_functions"),
    }
    assert all(isinstance(value, str) for value in versions.values())
    assert versions["pixel_products"].startswith("integer") == CAN_MULTIPLY_BYTES


def test_another_process_of_this_machine_has_the_same() -> None:
    assert _read() == _read_here()


def test_numbas_cpu_name_is_recorded() -> None:
    changed = _read(NUMBA_CPU_NAME="haswell")
    assert changed["cpu_name"] == "haswell"
    assert changed | {"cpu_name": _read_here()["cpu_name"]} == read_versions(TwoLayerNetTrainer)


@pytest.mark.parametrize(
    ("features", "tile", "pixels"),
    [
        ("avx2,+fma", "6 x 16 tiles", "float32"),
        ("avx2,+avxvnni,+fma", "6 x 16 tiles", "integer (AVX-VNNI)"),
        ("avx512f,+avx512vnni", "12 x 32 tiles (AVX-512)", "integer (AVX-512 VNNI)"),
    ],
)
def test_numbas_cpu_features_are_recorded_with_the_code_that_they_choose(
    features: str, tile: str, pixels: str
) -> None:
    changed = _read(NUMBA_CPU_FEATURES=f"+{features},+rdrnd")
    assert changed["cpu_features"] == features.replace(",+", " ")
    assert (changed["float32_products"], changed["pixel_products"]) == (tile, pixels)


def test_a_blas_kernel_that_was_asked_for_is_recorded() -> None:
    if not _read_here()["blas"].startswith("openblas"):
        pytest.skip("NumPy's BLAS is another")
    assert _read(OPENBLAS_CORETYPE="Nehalem")["blas"].endswith("Nehalem")


def test_settings_of_the_c_library_are_recorded() -> None:
    tunables = "glibc.cpu.hwcaps=-AVX2_Usable"
    assert _read(GLIBC_TUNABLES=tunables)["libc"] == f"{_read_here()['libc']} {tunables}"
