"""An example's study has one outcome, for any number of workers and however often stopped."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.datasets import open_validation
from hpsearch.engine.definition import load_definition
from hpsearch.engine.scheduling import find_prepared
from hpsearch.engine.workspace import Workspace

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "run_study.py"
# Enough that some are left after three stops, though a trial of the first takes milliseconds.
N_TRIALS = 12


STUDIES = [ROOT / "examples" / "softmax_regression" / "softmax_digits.toml"]


@pytest.fixture
def make_workspace(tmp_path: Path, migrated_mlflow: Path) -> Any:
    def make(name: str) -> Workspace:
        root = tmp_path / name
        root.mkdir()
        shutil.copy(migrated_mlflow, root / "mlflow.db")
        return Workspace(root)

    return make


def _command(file: Path, workspace: Workspace, jobs: int) -> list[str]:
    words = [file, "--trials", N_TRIALS, "--jobs", jobs, "--workspace", workspace.root]
    return [sys.executable, str(SCRIPT), *map(str, words)]


def _run(file: Path, workspace: Workspace, jobs: int) -> None:
    done = subprocess.run(_command(file, workspace, jobs), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _interrupt(file: Path, workspace: Workspace, how: signal.Signals) -> None:
    """Start a run, and stop it as soon as another trial has begun to train."""
    folder = workspace.study(file.stem).trials
    before = _count_begun(folder)
    process = subprocess.Popen(
        _command(file, workspace, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and _count_begun(folder) == before:
        time.sleep(0.01)
    process.send_signal(how)
    process.wait(60)
    assert process.returncode in (130, 143, -how), "the run ended before it could be stopped"


def _count_begun(folder: Path) -> int:
    return len(list(folder.glob("*/history.json")))


def _read_status(file: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert main(["status", str(file), "--json", "--workspace", str(workspace.root)]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_an_examples_study_has_one_outcome(
    file: Path, make_workspace: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    alone, two, stopped = (make_workspace(name) for name in ("alone", "two", "stopped"))
    _run(file, alone, 1)
    _run(file, two, 2)
    for how in (signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        _interrupt(file, stopped, how)
    _run(file, stopped, 2)
    found = [_read_status(file, workspace, capsys) for workspace in (alone, two, stopped)]
    assert {status["trials"]["total"] for status in found} == {N_TRIALS}
    assert len({status["fingerprint"] for status in found}) == 1
    evaluations = [status["test"]["looks"] for status in found]
    assert len(evaluations[0]) == 1
    assert evaluations[0] == evaluations[1] == evaluations[2]
    where = ["--out", str(tmp_path / "best"), "--workspace", str(stopped.root)]
    assert main(["best", file.stem, *where]) == 0
    data = find_prepared(load_definition(file), stopped.data)
    assert data is not None
    X, y = open_validation(data)
    predicted = hpsearch.load_model(tmp_path / "best").predict(X)
    assert predicted.shape == y.shape
    assert (predicted == y).mean() == pytest.approx(found[0]["best"]["value"])
