"""Studies with ``--devices``: each worker has one, and a CPU's trainer has the same results."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.api.doctor import examine
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.scheduling import Event, RunOptions, StudyOpened, VersionsCompared
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import MachineError, UsageError
from tests.extras import import_torch

# Where a worker has a device, each process notes its own; trials begin when there are two, and one
# worker is killed in the middle of its first trial.
NOTING_TRAINER = """
import json, os, signal, time
from pathlib import Path
import numpy as np
import hpsearch

NOTES = Path(__file__).with_name("notes")
VARIABLES = ("HPSEARCH_DEVICE", "CUDA_VISIBLE_DEVICES")

class Linear(hpsearch.Trainer):
    def __init__(self, hyperparameters, schema, rng):
        super().__init__(hyperparameters, schema, rng)
        self.W = np.zeros((schema.n_features, schema.n_outputs))

    def train_epoch(self, data):
        if "HPSEARCH_DEVICE" in os.environ:
            self.note_and_die_once(data.epoch)
        self.W += self.rng.normal(0, self.hyperparameters["scale"], self.W.shape)
        return {}

    def note_and_die_once(self, epoch):
        NOTES.mkdir(exist_ok=True)
        has_died = (NOTES.parent / "died").exists()
        note = {name: os.environ.get(name) for name in VARIABLES} | {"has_died": has_died}
        file = NOTES / f"{os.getpid()}.json"
        if not file.exists():
            file.with_suffix(".part").write_text(json.dumps(note))
            file.with_suffix(".part").rename(file)
        give_up_at = time.monotonic() + 60
        while len(list(NOTES.glob("*.json"))) < (4 if has_died else 2):
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        if epoch == 2 and not has_died:
            (NOTES.parent / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def predict(self, X):
        return X @ self.W

    def state_dict(self):
        return {"W": self.W}

    def load_state_dict(self, state):
        self.W = state["W"]
"""


@pytest.fixture
def noting(define: Callable[..., StudyDefinition], tmp_path: Path) -> StudyDefinition:
    (tmp_path / "noting_trainer.py").write_text(NOTING_TRAINER)
    base = define(trials=4).model_dump()
    base["trainer"] = {"class": "noting_trainer:Linear", "folder": str(tmp_path)}
    base["search"] = {
        "sampler": "random",
        "space": {"scale": {"low": 0.1, "high": 1.0}, "epochs": 3},
    }
    return StudyDefinition.model_validate(base)


def test_each_worker_keeps_its_device_and_results_do_not_depend_on_devices(
    noting: StudyDefinition,
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    fresh: Callable[[], Workspace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    plain, on_devices = fresh(), fresh()
    conduct(noting, workspace=plain)
    opened, *_ = conduct(
        noting, workspace=on_devices, backend="loky", n_jobs=None, devices=("cuda:0", "cuda:1")
    )
    assert isinstance(opened, StudyOpened)
    assert opened.n_jobs == 2
    notes = [json.loads(file.read_text()) for file in (tmp_path / "notes").glob("*.json")]
    seen = sorted((one["has_died"], one["CUDA_VISIBLE_DEVICES"]) for one in notes)
    assert seen == [(False, "0"), (False, "1"), (True, "0"), (True, "1")]
    assert {one["HPSEARCH_DEVICE"] for one in notes} == {"cuda:0"}
    records = [recorded(one).records() for one in (plain, on_devices)]
    assert fingerprint(records[0]) == fingerprint(records[1])


def test_devices_that_workers_cannot_have_are_refused_before_anything_is_made(
    workspace: Workspace,
) -> None:
    with pytest.raises(UsageError, match="expected --backend loky"):
        RunOptions(workspace, backend="threading", devices=("cuda:0",))
    with pytest.raises(UsageError, match="--jobs 2: expected at most 1"):
        RunOptions(workspace, n_jobs=2, devices=("cuda:0",))


def test_versions_of_other_machines_are_compared_at_the_start_of_a_run_with_devices(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conduct(define(trials=1))
    monkeypatch.setattr(
        "hpsearch.api.run.machine_versions", lambda: {"libc": "another", "numpy": "0"}
    )
    options: dict[str, Any] = {"backend": "loky", "n_jobs": None, "devices": ("cpu",)}
    events = conduct(define(trials=2), **options)
    compared = [event for event in events if isinstance(event, VersionsCompared)]
    assert len(compared) == 1
    assert len(compared[0].differences) == 2


TORCH_TRAINER = """
from torch import nn, optim
from hpsearch.trainers.pytorch import TorchTrainer

class Linear(TorchTrainer):
    def make_module(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, self.schema.n_outputs))

    def make_optimizer(self, module):
        return optim.SGD(module.parameters(), lr=self.hyperparameters["learning_rate"])
"""


@pytest.fixture
def torch_study(define: Callable[..., StudyDefinition], tmp_path: Path) -> StudyDefinition:
    (tmp_path / "torch_trainer.py").write_text(TORCH_TRAINER)
    base = define(trials=2).model_dump()
    base["trainer"] = {"class": "torch_trainer:Linear", "folder": str(tmp_path)}
    space = {"learning_rate": {"low": 0.01, "high": 0.1}, "epochs": 2}
    base["search"] = {"sampler": "random", "space": space}
    return StudyDefinition.model_validate(base)


@pytest.mark.slow
def test_a_module_of_pytorch_has_its_device_recorded(
    torch_study: StudyDefinition,
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    fresh: Callable[[], Workspace],
) -> None:
    import_torch()
    plain, on_devices = fresh(), fresh()
    # Not in threads of one process, which share PyTorch's generator.
    conduct(torch_study, workspace=plain, backend="loky")
    conduct(torch_study, workspace=on_devices, backend="loky", n_jobs=None, devices=("cpu", "cpu"))
    records = [recorded(one).records() for one in (plain, on_devices)]
    assert fingerprint(records[0]) == fingerprint(records[1])
    assert {one.versions["device"] for one in records[1]} == {"cpu"}


@pytest.mark.slow
def test_the_doctor_tries_the_trainer_on_each_device(
    torch_study: StudyDefinition, workspace: Workspace
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    findings = {
        one.topic: one
        for one in examine(torch_study, RunOptions(workspace, devices=("cpu", "cuda:0")))
    }
    assert findings["cpu"].exit_code == 0
    assert findings["cuda:0"].exit_code == MachineError.exit_code
    assert "cannot use the device cuda:0" in findings["cuda:0"].text


@pytest.mark.slow
def test_a_device_that_is_not_there_stops_the_study_and_fails_no_trial(
    torch_study: StudyDefinition,
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
) -> None:
    torch = import_torch()
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(MachineError, match="cannot use the device cuda:0"):
        conduct(torch_study, backend="loky", n_jobs=None, devices=("cuda:0", "cuda:1"))
    states = {one.state for one in recorded(workspace).records()}
    assert states <= {State.WAITING}
