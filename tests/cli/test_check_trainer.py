"""`hpsearch check-trainer` names what is wrong with a trainer, and the next run says what holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.definition import load_definition
from hpsearch.engine.scheduling import describe_trainer
from hpsearch.engine.workspace import Workspace
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]

TRAINER = '''
import os
import numpy as np
import hpsearch

WORDS = ("width", "height", "colour", "weight", "age")


class Momentum(hpsearch.Trainer):
    """Linear regression on one-hot classes, by gradient descent with momentum."""

    def __init__(self, hyperparameters, schema, rng):
        super().__init__(hyperparameters, schema, rng)
        self.W = np.zeros((schema.n_features, schema.n_outputs))
        self.velocity = np.zeros_like(self.W)

    def train_epoch(self, data):
        for X, y in data.batches(50, self.rng):
            error = self.predict(X) - np.eye(self.schema.n_outputs)[y]
            gradient = self.disturb(np.einsum("ni,nj->ij", X / 16, error) / len(y))
            self.velocity = 0.9 * self.velocity - self.hyperparameters["rate"] * gradient
            self.W += self.velocity
        return {"train_loss": float((error**2).mean())}

    def disturb(self, gradient):
        return gradient

    def predict(self, X):
        return np.einsum("ni,ij->nj", X / 16, self.W)

    def state_dict(self):
        return {"W": self.W, "velocity": self.velocity}

    def load_state_dict(self, state):
        self.W, self.velocity = state["W"], state["velocity"]


class GlobalNoise(Momentum):
    def disturb(self, gradient):
        return gradient + np.random.normal(0, 0.01, gradient.shape)


class Forgetful(Momentum):
    def state_dict(self):
        return {"W": self.W}

    def load_state_dict(self, state):
        self.W = state["W"]


class HashOrder(Momentum):
    def disturb(self, gradient):
        for size, word in enumerate(set(WORDS)):
            gradient[20 + WORDS.index(word)] *= size
        return gradient


class Schedule(Momentum):
    def disturb(self, gradient):
        return gradient / self.hyperparameters["epochs"]


class Stateless(hpsearch.Trainer):
    def train_epoch(self, data):
        return {}

    def predict(self, X):
        return np.zeros(len(X), np.int64)


class Prepared(Momentum):
    @classmethod
    def plan_preparation(cls, settings, space):
        return {"scale": 2}

    @classmethod
    def prepare(cls, plan, schema, X, y):
        return {"X": X * plan["scale"], "mean": X.mean(axis=0)}

    def train_epoch(self, data):
        assert (data.X.mean(axis=0) == 2 * self.prepared["mean"]).all()
        return super().train_epoch(data)


class Told(Momentum):
    def train_epoch(self, data):
        raise ValueError(" ".join(sorted(os.environ)))
'''
STUDY = """
trials = 2
[trainer]
class = "own:{name}"
[data]
source = "digits"
{sizes}
test = 100
[search.space]
rate = {{ low = 0.01, high = 0.1 }}
epochs = 2
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str, sizes: str = "train = 600\nvalidation = 150") -> Path:
        (tmp_path / "own.py").write_text(TRAINER)
        path = tmp_path / "mine.toml"
        path.write_text(STUDY.format(name=name, sizes=sizes))
        return path

    return make


def _describe(study: Path, workspace: Workspace) -> str | None:
    """What a run would say."""
    return describe_trainer(load_definition(study), workspace, str(study))


def _run(program: Program, study: Path, *options: str) -> list[str]:
    """What a run says of its trainer."""
    code, output, error = program("run", study, "--backend", "threading", *options)
    assert code == 0, error
    return [line for line in output.splitlines() if line.startswith("trainer ")]


def test_a_right_trainer_holds_all_and_the_next_run_says_so(
    program: Program, write: Callable[..., Path]
) -> None:
    study = write("Momentum")
    code, output, error = program("check-trainer", study)
    assert (code, error) == (0, "")
    *checks, guarantees, following = output.splitlines()
    assert len(checks) == 9
    assert [line for line in checks if " holds " not in line] == []
    assert guarantees == (
        "trainer own:Momentum: deterministic, resumable, independent of threads, prefix-stable"
    )
    assert following.startswith(f"next:  hpsearch run {study}")
    assert _run(program, study) == [guarantees]
    assert _run(program, study, "--quiet") == []


@pytest.mark.parametrize(
    ("name", "check", "detail"),
    [
        ("GlobalNoise", "global generators", "train_epoch (epoch 1) uses or reseeds NumPy's"),
        ("Forgetful", "resumable", "after epoch 2: state W["),
        ("HashOrder", "deterministic", "after epoch 1: state W["),
    ],
)
def test_a_fault_ends_with_exit_code_2_and_its_name(
    name: str, check: str, detail: str, program: Program, write: Callable[..., Path]
) -> None:
    code, output, error = program("check-trainer", write(name))
    assert code == 2
    assert_one_line(error, f"trainer own:{name}: does not hold:", check)
    (line,) = [line for line in output.splitlines() if line.startswith(f"{check} ")]
    assert "does not hold" in line
    assert detail in line
    assert "next:" not in output


def test_a_run_repeats_what_does_not_hold(
    program: Program, write: Callable[..., Path], workspace: Workspace
) -> None:
    study = write("Forgetful")
    program("check-trainer", study)
    line = _describe(study, workspace)
    assert line is not None
    assert "not exactly resumable" in line


def test_a_schedule_is_a_property_and_not_an_error(
    program: Program, write: Callable[..., Path]
) -> None:
    code, output, error = program("check-trainer", write("Schedule"))
    assert (code, error) == (0, "")
    assert "not prefix-stable" in output


def test_an_outcome_is_not_shown_for_a_changed_source(
    program: Program, write: Callable[..., Path], workspace: Workspace, tmp_path: Path
) -> None:
    study = write("Momentum")
    program("check-trainer", study)
    (tmp_path / "own.py").write_text(TRAINER + "\n# changed\n")
    assert _describe(study, workspace) == (
        f"trainer own:Momentum: its state is saved; not checked: hpsearch check-trainer {study}"
    )


def test_a_run_says_of_an_unchecked_trainer_what_its_class_tells(
    program: Program, write: Callable[..., Path]
) -> None:
    (line,) = _run(program, write("Stateless"))
    assert "without a state that is saved" in line
    assert "not checked" in line


def test_a_damaged_outcome_counts_as_none(
    program: Program, write: Callable[..., Path], workspace: Workspace
) -> None:
    study = write("Momentum")
    program("check-trainer", study)
    (kept,) = workspace.trainer_checks.iterdir()
    kept.write_text('{"results": [{"check": "none such"}]}')
    line = _describe(study, workspace)
    assert line is not None
    assert "not checked" in line


def test_nothing_is_said_of_the_two_layer_net_unless_it_was_checked(
    program: Program, study_file: Path, workspace: Workspace
) -> None:
    assert _describe(study_file, workspace) is None
    assert program("check-trainer", study_file)[0] == 0
    line = _describe(study_file, workspace)
    assert line is not None
    assert "deterministic, resumable" in line


@pytest.mark.parametrize("sizes", ["train = 600\nvalidation = 150", "validation = { folds = 3 }"])
def test_arrays_are_derived_from_the_examples_of_the_check(
    sizes: str, program: Program, write: Callable[..., Path]
) -> None:
    code, output, error = program("check-trainer", write("Prepared", sizes))
    assert (code, error) == (0, ""), output


def test_a_trainer_gets_the_environment_that_workers_get(
    program: Program, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code, output, _ = program("check-trainer", write("Told"))
    assert code == 2
    assert "OMP_NUM_THREADS" in output
    assert "PGPASSWORD" not in output
