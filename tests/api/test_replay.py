"""The record holds what really happened: training again says the same, or says what differs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.scheduling import Event, RunOptions, prepare_data, replay_trial
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.trial_files import CHECKPOINT_FILE, PREDICTIONS_FILE
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import UsageError

FIRST = [
    {"learning_rate": 0.1, "hidden_size": 24, "epochs": 6},
    {"learning_rate": 0.003, "hidden_size": 4, "epochs": 6},
]


@dataclasses.dataclass
class Changed:
    """A study whose records say something else."""

    search: SearchStudy
    changes: dict[str, Any]

    @property
    def definition(self) -> StudyDefinition:
        return self.search.definition

    def records(self) -> list[TrialRecord]:
        return [dataclasses.replace(one, **self.changes) for one in self.search.records()]

    def attribute(self, key: str) -> Any:
        return self.search.attribute(key)


@pytest.fixture
def done(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
) -> tuple[SearchStudy, PreparedData]:
    """A good trial and, pruned by it, a poor one."""
    pruner = {"name": "median", "n_startup_trials": 1}
    conduct(define(trials=2, lag=1, first=FIRST, pruner=pruner))
    search = recorded(workspace)
    assert [record.state for record in search.records()] == [State.COMPLETE, State.PRUNED]
    return search, prepare_data(search.definition, RunOptions(workspace))


@pytest.mark.parametrize("number", [0, 1])
def test_a_trial_trained_again_is_equal_to_the_last_bit(
    number: int, done: tuple[SearchStudy, PreparedData], workspace: Workspace
) -> None:
    search, data = done
    replay = replay_trial(search, number, workspace.study("small"), data)
    assert replay.is_equal
    assert not replay.restored


def test_a_lost_checkpoint_comes_back_and_so_do_predictions(
    done: tuple[SearchStudy, PreparedData], workspace: Workspace
) -> None:
    search, data = done
    folder = workspace.study("small")
    predictions = folder.trial(0) / PREDICTIONS_FILE
    content = predictions.read_bytes()
    predictions.unlink()
    (folder.trial(0) / CHECKPOINT_FILE).unlink()
    assert replay_trial(search, 0, folder, data).restored
    assert (folder.trial(0) / CHECKPOINT_FILE).exists()
    assert predictions.read_bytes() == content
    assert not list(Path(folder.root).glob(".replay-*"))


@pytest.mark.parametrize("key", ["net_sha256", "val_scores"])
def test_a_replay_that_differs_is_reported_and_restores_nothing(
    key: str, done: tuple[SearchStudy, PreparedData], workspace: Workspace
) -> None:
    search, data = done
    folder = workspace.study("small")
    (folder.trial(0) / CHECKPOINT_FILE).unlink()
    n_epochs = len(search.records()[0].val_scores)
    wrong = {"net_sha256": "other", "val_scores": (0.5,) * n_epochs}
    changed = Changed(search, {key: wrong[key]})
    replay = replay_trial(changed, 0, folder, data)  # type: ignore[arg-type]
    assert not replay.is_equal
    assert not (folder.trial(0) / CHECKPOINT_FILE).exists()


@pytest.mark.parametrize("number", [-1, 2])
def test_only_trials_that_ended_can_be_replayed(
    number: int, done: tuple[SearchStudy, PreparedData], workspace: Workspace
) -> None:
    search, data = done
    with pytest.raises(UsageError, match=f"complete or pruned trial, got {number}"):
        replay_trial(search, number, workspace.study("small"), data)
