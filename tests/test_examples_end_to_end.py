"""An example's study has one outcome, for any number of workers and however often it is killed."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.datasets import open_validation
from hpsearch.engine.definition import load_definition
from hpsearch.engine.scheduling import find_prepared
from hpsearch.engine.trial_files import HISTORY_FILE
from hpsearch.engine.workspace import Workspace
from tests.extras import import_torch

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "run_study.py"
N_KILLS = 10
# Share of kills at any moment, the start included; the others wait until there is work to lose.
AT_START = 0.2
# Longest time from the begin of a program, or from a sign of work, to its kill.
STARTING_S, WORKING_S = 3.0, 0.3


# By example, lines of its study file and what replaces them here: trials that are long enough to
# be killed in the middle, and short and few enough for three runs and ten kills.
EXAMPLES: dict[str, dict[str, str]] = {
    "softmax_regression/softmax_digits.toml": {"epochs = 15": "epochs = 60"},
    "sklearn_table/linear_tumours.toml": {},
    "sklearn_table/boosted_tumours.toml": {},
    "torch_cifar10/convnet_cifar10.toml": {
        "trials = 10": "trials = 6",
        "train = 8000": "train = 1500",
        "validation = 1000": "validation = 500",
    },
}


@pytest.fixture
def make_workspace(tmp_path: Path, migrated_mlflow: Path) -> Callable[[str], Workspace]:
    def make(name: str) -> Workspace:
        root = tmp_path / name
        root.mkdir()
        shutil.copy(migrated_mlflow, root / "mlflow.db")
        return Workspace(root)

    return make


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Callable[[Path, Workspace], Any]:
    def read(file: Path, workspace: Workspace) -> Any:
        capsys.readouterr()
        assert main(["status", str(file), "--json", "--workspace", str(workspace.root)]) == 0
        return json.loads(capsys.readouterr().out)

    return read


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: Path(example).stem)
def test_an_examples_study_has_one_outcome(
    example: str,
    make_workspace: Callable[[str], Workspace],
    status: Callable[[Path, Workspace], Any],
    tmp_path: Path,
) -> None:
    if example.startswith("torch"):
        import_torch()
    file = write_study(example, tmp_path)
    alone, two, killed = (make_workspace(name) for name in ("alone", "two", "killed"))
    words = [str(file), "--jobs", "1", "--backend", "threading", "--workspace", str(alone.root)]
    assert main(["run", *words]) == 0
    run_to_the_end(file, two)
    assert kill(file, killed, np.random.default_rng(0)) >= 5, "too few kills amid its work"
    run_to_the_end(file, killed)
    found = [status(file, workspace) for workspace in (alone, two, killed)]
    assert all(one["complete"] for one in found)
    assert len({one["fingerprint"] for one in found}) == 1
    evaluations = [one["test"]["looks"] for one in found]
    assert len(evaluations[0]) == 1
    assert evaluations[0] == evaluations[1] == evaluations[2]
    accuracy, recorded = evaluate(file, killed, tmp_path / "best"), found[0]["best"]["value"]
    if "folds" in file.read_text():  # the best model was then trained on these examples too
        assert accuracy > recorded
    else:
        assert accuracy == pytest.approx(recorded)


def write_study(example: str, folder: Path) -> Path:
    """Copy an example, so that its study file can be changed beside its class."""
    source = ROOT / "examples" / example
    shutil.copytree(source.parent, folder / "example")
    file = folder / "example" / source.name
    text = file.read_text()
    for old, new in EXAMPLES[example].items():
        assert text.count(f"{old}\n") == 1, old
        text = text.replace(f"{old}\n", f"{new}\n")
    file.write_text(text)
    return file


def start(file: Path, workspace: Workspace, backend: str = "loky") -> "subprocess.Popen[bytes]":
    """Start the program with two workers."""
    command = [sys.executable, SCRIPT, file, "--jobs", "2", "--backend", backend]
    command += ["--workspace", workspace.root]
    with (workspace.root / "program.log").open("ab") as log:
        return subprocess.Popen([*map(str, command)], stdout=log, stderr=log)


def run_to_the_end(file: Path, workspace: Workspace) -> None:
    assert start(file, workspace).wait() == 0, (workspace.root / "program.log").read_text()


def kill(file: Path, workspace: Workspace, rng: np.random.Generator) -> int:
    """Start the program ten times and kill it each time; return how often that was at work."""
    n_at_work = 0
    for _ in range(N_KILLS):
        before = list_histories(workspace, file)
        # Processes outlive the program for a second; threads take half as long to start.
        process = start(file, workspace, str(rng.choice(["loky", "threading"])))
        if rng.random() < AT_START:
            time.sleep(rng.uniform(0, STARTING_S))
        else:
            while process.poll() is None and list_histories(workspace, file) == before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, WORKING_S))
        process.kill()
        n_at_work += process.wait() != 0 and list_histories(workspace, file) != before
    return n_at_work


def list_histories(workspace: Workspace, file: Path) -> set[tuple[Path, int]]:
    """List the histories of all trials with their sizes, which grow with each epoch."""
    paths = workspace.study(file.stem).trials.glob(f"*/{HISTORY_FILE}")
    return {(path, path.stat().st_size) for path in paths}


def evaluate(file: Path, workspace: Workspace, out: Path) -> float:
    """Load the best model as its user does, and compute its accuracy on the validation data."""
    assert main(["best", file.stem, "--out", str(out), "--workspace", str(workspace.root)]) == 0
    data = find_prepared(load_definition(file), workspace.data)
    assert data is not None
    X, y = open_validation(data)
    predicted = hpsearch.load_model(out).predict(X)
    assert predicted.shape == y.shape
    return float((predicted == y).mean())
