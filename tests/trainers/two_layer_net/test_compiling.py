"""Compiled loops: cached for the next process; arrays of other types are refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.compiling import compiled

MODULE = """
from hpsearch.trainers.two_layer_net.compiling import compiled

@compiled("int64(int64)")
def double(n):
    return 2 * n

print(double(21), double.stats.cache_hits and "found" or "compiled")
"""


def _run(folder: Path, **environment: str) -> str:
    program = folder / "module.py"
    program.write_text(MODULE)
    done = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_next_process_loads_compiled_code(tmp_path: Path) -> None:
    assert _run(tmp_path) == "42 compiled"
    assert _run(tmp_path) == "42 found"
    assert list((tmp_path / "__pycache__").glob("module.double-*.nbi"))


def test_without_a_writable_cache_each_process_compiles(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("a file where a folder is wanted")
    nowhere = str(tmp_path / "module.py")
    for _ in range(2):
        found = _run(tmp_path, HOME=nowhere, XDG_CACHE_HOME=nowhere)
        assert found == "42 compiled"


@compiled("void(float32[:, ::1])")
def _double(array: np.ndarray) -> None:
    for i in range(len(array)):
        for j in range(array.shape[1]):
            array[i, j] *= 2


def test_arrays_of_another_type_or_layout_are_refused_not_copied() -> None:
    right = np.ones((3, 2), np.float32)
    _double(right)
    assert np.all(right == 2)
    for wrong in (np.ones((3, 2)), np.ones((3, 2), np.float32, order="F"), right[:, ::2]):
        with pytest.raises(TypeError, match="No matching definition"):
            _double(wrong)


def test_operations_are_not_fused_but_for_sums_that_may_be_reordered() -> None:
    """A fused operation rounds once, where NumPy rounds twice."""

    @compiled("float32(float32, float32, float32)")
    def multiply_and_add(a: np.float32, b: np.float32, c: np.float32) -> np.float32:
        return a * b + c

    rng = np.random.default_rng(0)
    for a, b, c in rng.standard_normal((200, 3)).astype(np.float32):
        assert multiply_and_add(a, b, c) == a * b + c
