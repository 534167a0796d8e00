from collections.abc import Callable

import optuna
import pytest

from hpsearch.objective import TrialResult
from hpsearch.objective.record import record_result
from hpsearch.records import State
from hpsearch.trial_files import Epoch


@pytest.fixture
def trial() -> optuna.trial.Trial:
    return optuna.create_study(direction="maximize").ask()


@pytest.fixture
def make_result() -> Callable[[int], TrialResult]:
    def make(n_epochs: int) -> TrialResult:
        epochs = tuple(Epoch(n, n / 10, 0.5, 0.0) for n in range(1, n_epochs + 1))
        return TrialResult(0, State.COMPLETE, epochs, net_sha256="ab", rungs={}, host="here")

    return make


def test_every_epochs_accuracy_is_reported_under_its_number(
    trial: optuna.trial.Trial, make_result: Callable[[int], TrialResult]
) -> None:
    record_result(trial, make_result(3))
    (frozen,) = trial.study.trials
    assert frozen.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert frozen.user_attrs["duration_s"] == 1.5
    assert frozen.user_attrs["net_sha256"] == "ab"
    assert "reason" not in frozen.user_attrs


@pytest.mark.filterwarnings("error")  # Optuna's, of epochs reported twice
def test_recording_goes_on_where_a_dead_coordinator_left_off(
    trial: optuna.trial.Trial, make_result: Callable[[int], TrialResult]
) -> None:
    for n_epochs in (2, 3, 3):
        record_result(trial, make_result(n_epochs))
    (frozen,) = trial.study.trials
    assert frozen.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert frozen.user_attrs["duration_s"] == 1.5
