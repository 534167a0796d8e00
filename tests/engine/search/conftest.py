"""A study with simulated training, so that the lag rule can be tested in any order of trials."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.search import (
    SearchStudy,
    Trial,
    create_or_continue_study,
    open_storage,
    write_hyperparameters,
    write_result,
)
from hpsearch.engine.search.distributions import suggest_hyperparameters
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.trial_result import TrialResult


def _train(trial: Trial, search: SearchStudy, tilt: float) -> TrialResult:
    """Simulate training: accuracies depend only on hyperparameters and trial number."""
    setting = suggest_hyperparameters(trial, search.definition.search.space)
    write_hyperparameters(trial, setting)
    rule = search.pruning_rule(trial.number)
    rng = np.random.default_rng(trial.number)
    goal = 0.5 - 0.1 * abs(np.log10(setting["learning_rate"]) + 2) + tilt
    epochs: tuple[Epoch, ...] = ()
    state = State.COMPLETE
    for number in range(1, setting["epochs"] + 1):
        accuracy = float(goal * (1 - 0.5**number) + 0.02 * rng.standard_normal())
        epochs += (Epoch(number, accuracy, 0.0, 0.0),)
        is_last = number == setting["epochs"]
        if not is_last and rule and rule(number, accuracy):
            state = State.PRUNED
            break
    rungs = rule.rungs() if rule else None
    return TrialResult(trial.number, state, epochs, rungs=rungs, net_sha256=f"{goal}")


@dataclasses.dataclass
class Simulation:
    """Runs a study with several workers, whose trials end in an order drawn by `rng`."""

    folder: Path
    tilts: dict[int, float] = dataclasses.field(default_factory=dict)
    n_made: int = 0

    def __call__(
        self,
        definition: StudyDefinition,
        *,
        n_workers: int = 1,
        seed: int = 0,
        url: str | None = None,
        patience_s: float | None = None,
        releases: float = 0.0,
        ahead: int = 0,
    ) -> SearchStudy:
        self.n_made += 1
        storage = open_storage(url, self.folder / f"{self.n_made}.journal", patience_s=patience_s)
        search = create_or_continue_study(definition, storage, data_checksum="data")
        rng = np.random.default_rng(seed)
        flying: list[Trial] = []
        while True:
            while search.propose_ahead(ahead):
                pass
            number = search.next_number()
            if number is not None and len(flying) < n_workers and search.may_start(number):
                flying.append(search.ask())
                continue
            if not flying:
                return search
            trial = flying.pop(int(rng.integers(len(flying))))
            result = _train(trial, search, self.tilts.get(trial.number, 0.0))
            if rng.random() < releases:
                search.release(trial.number)
                continue
            write_result(trial, result)
            search.finish(trial, result.state, result.final_score)


@pytest.fixture
def simulate(tmp_path: Path) -> Callable[..., SearchStudy]:
    """A fresh simulation; `simulate.tilts` changes single trials' results."""
    return Simulation(tmp_path)
