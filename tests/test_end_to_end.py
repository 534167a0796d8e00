"""The quickstart as a user runs it, with eyes on who opens the test split."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torture_verdict import install_audit_hook

import hpsearch
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.engine.workspace import Workspace

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_quickstart_from_nothing_to_the_served_net(
    workspace: Workspace, tmp_path: Path
) -> None:
    audit_log = install_audit_hook(tmp_path / "audit")
    environment = os.environ | {"PYTHONPATH": str(audit_log.parent)}
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

    # That each epoch was seen to be saved proves that the audit hook was in the workers.
    events = audit_log.read_text().splitlines()
    trials = workspace.study("quickstart").trials
    for path in trials.iterdir():
        n_epochs = len(load_history(path / HISTORY_FILE))
        assert events.count(f"saved {path}") == n_epochs > 0
    (opened,) = [line for line in events if line.startswith("opened")]
    assert opened.endswith("/hpsearch/engine/test_evaluation.py']")

    folder = workspace.study("quickstart")
    assert folder.journal.exists()
    assert sorted(path.name for path in folder.trials.iterdir()) == [f"{n:04d}" for n in range(6)]
    events = [json.loads(line)["event"] for line in folder.test_ledger.read_text().splitlines()]
    assert events == ["begun", "scored"]

    audit_log.unlink()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0
    assert "(from the record)" in " ".join(again.stdout.split())
    assert not audit_log.exists() or "opened" not in audit_log.read_text()

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{workspace.mlflow_db}")
    images = np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1), np.uint8)
    served = mlflow.pyfunc.load_model("models:/quickstart@best").predict(images)
    assert np.array_equal(served, hpsearch.load_net(folder.best_net).predict(images))
