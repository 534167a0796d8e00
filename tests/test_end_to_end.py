"""The quickstart as a user runs it, with eyes on who opens the test split."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hpsearch
from hpsearch.workspace import Workspace

ROOT = Path(__file__).parents[1]

# Imported by every Python process that has this folder on its path, workers included.
WITNESS = """
import os, sys, traceback
def _note(event, arguments):
    if event == "open" and str(arguments[0]).endswith("test.npz"):
        callers = [f.filename for f in traceback.extract_stack() if "/hpsearch/" in f.filename]
        with open({log!r}, "a") as log:
            log.write(f"{{os.getpid()}} {{callers[-1] if callers else '?'}}\\n")
sys.addaudithook(_note)
"""


@pytest.mark.slow
def test_the_quickstart_from_nothing_to_the_served_net(
    workspace: Workspace, tmp_path: Path
) -> None:
    log = tmp_path / "opened"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITNESS.format(log=str(log)))
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, ROOT / "scripts" / "run_study.py", "quickstart"]
    command += ["--trials", "6", "--jobs", "2", "--workspace", workspace.root]

    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    output, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    assert error == ""
    assert "test_accuracy" in output
    assert "hpsearch ui" in output

    # The coordinator writes the split, hashes nothing of it, and the vault reads it once.
    opened = [line.split(" ", 1) for line in log.read_text().splitlines()]
    assert {int(pid) for pid, _ in opened} == {process.pid}
    readers = [Path(where).name for _, where in opened]
    assert readers.count("vault.py") == 1
    assert set(readers) <= {"vault.py", "preparation.py", "reading.py"}

    folder = workspace.study("quickstart")
    assert folder.journal.exists()
    assert sorted(path.name for path in folder.trials.iterdir()) == [f"{n:04d}" for n in range(6)]
    events = [json.loads(line)["event"] for line in folder.test_ledger.read_text().splitlines()]
    assert events == ["begun", "scored"]

    log.unlink()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0
    assert "not opened again" in again.stdout
    assert not log.exists()

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{workspace.mlflow_db}")
    images = np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1), np.uint8)
    served = mlflow.pyfunc.load_model("models:/quickstart@best").predict(images)
    assert np.array_equal(served, hpsearch.load_net(folder.best_net).predict(images))
