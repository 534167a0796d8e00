"""The built wheel as a user installs it: a new environment, an empty folder, no checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    subprocess.run([*command, ROOT], check=True)
    (built,) = folder.glob("hpsearch-*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment in which only the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", wheel], check=True)
    return folder / "bin"


def run(words: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HPSEARCH_", "MLFLOW_", "PYTHONPATH"))
    }
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )


def test_it_holds_the_package_the_shipped_studies_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {f"hpsearch/studies/{path.name}" for path in (ROOT / "studies").glob("*.toml")}
    assert len(shipped) >= 5
    assert shipped | {"hpsearch/py.typed", "hpsearch/report/page.html"} <= {*names}
    assert {name.partition("/")[0] for name in names} == {
        "hpsearch",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }
    assert not [name for name in names if "__pycache__" in name]


def test_the_quickstart_runs_in_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    done = run([programs / "hpsearch", "run", "--trials", "4", "-j", "2"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "test_accuracy" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]
    assert "scripts/" not in done.stdout + done.stderr

    listed = run([programs / "hpsearch", "list"], tmp_path)
    assert "cifar10_best" in listed.stdout
    out = tmp_path / "best_net"
    assert (
        run([programs / "hpsearch", "best", "quickstart", "--out", out], tmp_path).returncode == 0
    )
    assert (out / "manifest.json").exists()


def test_a_shipped_study_without_its_data_names_no_script(programs: Path, tmp_path: Path) -> None:
    offline = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
    words = [programs / "hpsearch", "run", "cifar10", "--quiet"]
    done = run(["env", *(f"{name}={value}" for name, value in offline.items()), *words], tmp_path)
    assert done.returncode == 3
    assert "hpsearch run quickstart" in done.stderr
    assert "scripts/" not in done.stderr


def test_cifar10_runs_in_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    data = os.environ.get("HPSEARCH_DATA_DIR")
    if not data:
        pytest.skip("needs CIFAR-10: HPSEARCH_DATA_DIR says where it lies")
    words = [programs / "hpsearch", "run", "cifar10", "--trials", "2", "--data-dir", data]
    done = run([*words, "--timeout", "10m"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "test_accuracy" in done.stdout
