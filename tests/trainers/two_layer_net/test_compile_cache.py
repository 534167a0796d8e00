"""A damaged compile cache is replaced, and results do not change."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MODULE = """
from hpsearch.trainers.two_layer_net.compiling import compiled

@compiled("int64(int64)")
def double(n):
    return 2 * n

print(double(21), double.stats.cache_hits and "found" or "compiled")
"""


def _run(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    (folder / "module.py").write_text(MODULE)
    return subprocess.run(
        [sys.executable, str(folder / "module.py")],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())} | environment,
        capture_output=True,
        text=True,
    )


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garble(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [_truncate, _empty, _garble, _flip_a_bit])
def test_a_damaged_cache_file_is_replaced(
    damage: Callable[[Path], None], suffix: str, tmp_path: Path
) -> None:
    assert _run(tmp_path).stdout == "42 compiled\n"
    (path,) = (tmp_path / "__pycache__").glob(f"*.{suffix}")
    damage(path)
    done = _run(tmp_path)
    assert done.stdout == "42 compiled\n", done.stderr
    assert _run(tmp_path).stdout == "42 found\n"


def test_code_compiled_from_another_source_is_not_loaded(tmp_path: Path) -> None:
    """As left by a process killed between writing the index and the data of a changed source."""
    _run(tmp_path)
    cache = tmp_path / "__pycache__"
    (data,) = cache.glob("*.nbc")
    earlier = data.read_bytes()
    (tmp_path / "module.py").write_text(MODULE.replace("2 * n", "3 * n"))
    program = [sys.executable, str(tmp_path / "module.py")]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    subprocess.run(program, env=environment, check=True)
    (data,) = cache.glob("*.nbc")
    data.write_bytes(earlier)
    done = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "63 compiled\n"


def test_a_damaged_cache_that_cannot_be_replaced_is_no_error(tmp_path: Path) -> None:
    _run(tmp_path)
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    index.unlink()
    index.mkdir()
    for _ in range(2):
        assert _run(tmp_path).stdout == "42 compiled\n"


def test_disabled_numba_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = _run(tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "hpsearch.foundations.errors.MachineError: NUMBA_DISABLE_JIT is set"
    )
