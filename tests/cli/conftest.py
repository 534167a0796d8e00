"""The program in a process of its own, as a user starts it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.cli import main
from hpsearch.engine.workspace import Workspace

SCRIPT = Path(__file__).parents[2] / "scripts" / "run_study.py"

STUDY = """
trials = {trials}
lag = 3
[data]
source = "digits"
train = 600
validation = 150
test = 100
[search]
pruner = {{ name = "median", n_startup_trials = 2 }}
[search.space]
batch_size = 50
initial_std = 0.01
learning_rate = {{ low = 0.003, high = 0.1, log = true }}
reg = 1e-3
hidden_size = {{ low = 4, high = 24 }}
epochs = {{ low = {low}, high = {high} }}
"""


@pytest.fixture(scope="session")
def small_study() -> str:
    return STUDY.format(trials=6, low=3, high=6)


@pytest.fixture
def study_file(tmp_path: Path, small_study: str) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(small_study)
    return path


@pytest.fixture(scope="session")
def slow_study_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trials of a few seconds, so that there is time to interrupt them."""
    path = tmp_path_factory.mktemp("studies") / "slow.toml"
    path.write_text(STUDY.format(trials=5, low=150, high=300))
    return path


@pytest.fixture(scope="session")
def short_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the same name whose trials take next to no time."""
    path = tmp_path_factory.mktemp("studies") / "slow.toml"
    path.write_text(STUDY.format(trials=3, low=3, high=6))
    return path


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``run_study.py`` in a session of its own."""
    begun = []

    def make(*arguments: str | Path, root: Path = workspace.root) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HPSEARCH_")}
        process = subprocess.Popen(
            [sys.executable, SCRIPT, *arguments, "--workspace", root],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield make
    for process in begun:
        process.kill()
        process.wait()


@pytest.fixture
def program(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run the program in this process: exit code, standard output, standard error."""
    for name in [name for name in os.environ if name.startswith("HPSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(command: str, *arguments: Any, root: Path | None = None) -> tuple[int, str, str]:
        code = main([command, *map(str, arguments), "--workspace", str(root or workspace.root)])
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def complete_workspace(
    tmp_path_factory: pytest.TempPathFactory, migrated_mlflow: Path, small_study: str
) -> Path:
    """A workspace in which the small study has run; made once, as it takes seconds."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "small.toml").write_text(small_study)
    (folder / "workspace").mkdir()
    shutil.copy(migrated_mlflow, folder / "workspace" / "mlflow.db")
    arguments = ["--backend", "threading", "--quiet", "--workspace", str(folder / "workspace")]
    assert main(["run", str(folder / "small.toml"), *arguments]) == 0
    return folder / "workspace"


@pytest.fixture
def has_run(complete_workspace: Path, workspace: Workspace, study_file: Path) -> Path:
    shutil.copytree(complete_workspace, workspace.root, dirs_exist_ok=True)
    return study_file
