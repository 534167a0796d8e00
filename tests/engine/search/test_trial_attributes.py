"""What is written of a trial into Optuna's storage, and read from it."""

from collections.abc import Callable

import optuna
import pytest
from optuna.trial import TrialState

from hpsearch.engine.records import Retry, State
from hpsearch.engine.search.trial_attributes import (
    OPTUNA_STATES,
    describe_retries,
    keep_attributes,
    read_rungs,
    read_trial,
    write_hyperparameters,
    write_result,
)
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.metrics import ACCURACY


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
    write_result(trial, make_result(3))
    (frozen,) = trial.study.trials
    assert frozen.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}


@pytest.mark.filterwarnings("error")  # Optuna's, of epochs reported twice
def test_recording_goes_on_where_a_dead_coordinator_left_off(
    trial: optuna.trial.Trial, make_result: Callable[[int], TrialResult]
) -> None:
    for n_epochs in (2, 3, 3):
        write_result(trial, make_result(n_epochs))
    (frozen,) = trial.study.trials
    assert frozen.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert frozen.user_attrs["duration_s"] == 1.5


def test_attributes_keep_their_names(trial: optuna.trial.Trial) -> None:
    """Recorded studies and other programs have them."""
    result = TrialResult(
        0,
        State.FAILED,
        (Epoch(1, 0.25, 0.5, 0.0),),
        net_sha256="ab",
        rungs={"completed_rung_0": 0.25},
        reason="ValueError: bad",
        ended_by_machine=True,
        host="here",
        versions={"numpy": "2"},
    )
    write_hyperparameters(trial, {"epochs": 1})
    write_result(trial, result)
    assert trial.user_attrs == {
        "hyperparameters": {"epochs": 1},
        "duration_s": 0.5,
        "diverged": False,
        "net_sha256": "ab",
        "host": "here",
        "versions": {"numpy": "2"},
        "reason": "ValueError: bad",
        "ended_by_machine": True,
        "rungs": {"completed_rung_0": 0.25},
    }


def test_a_trial_that_is_run_again_keeps_its_hyperparameters_and_has_its_failures() -> None:
    retries = [Retry("ValueError: bad", False, (7, 8))]
    ended = {"hyperparameters": {"epochs": 1}, "reason": "ValueError: bad"}
    assert keep_attributes(ended) | describe_retries(retries) == {
        "hyperparameters": {"epochs": 1},
        "retries": [{"reason": "ValueError: bad", "ended_by_machine": False, "known_to": (7, 8)}],
    }


def test_attributes_without_a_value_are_not_written(
    trial: optuna.trial.Trial, make_result: Callable[[int], TrialResult]
) -> None:
    write_result(trial, make_result(1))
    assert not {"reason", "ended_by_machine", "hyperparameters"} & set(trial.user_attrs)


def test_a_record_has_what_was_written(trial: optuna.trial.Trial) -> None:
    result = TrialResult(
        0,
        State.FAILED,
        (Epoch(1, 0.25, 0.5, 0.0), Epoch(2, 0.125, 1.0, 0.0, diverged=True)),
        net_sha256="ab",
        rungs={"completed_rung_0": 0.25},
        reason="ValueError: bad",
        ended_by_machine=True,
        versions={"numpy": "2"},
    )
    write_hyperparameters(trial, {"epochs": 2, "reg": 0.1})
    write_result(trial, result)
    trial.study.tell(trial, state=OPTUNA_STATES[result.state])
    (frozen,) = trial.study.trials
    record = read_trial(frozen, ACCURACY)
    for name in ("number", "state", "net_sha256", "reason", "ended_by_machine", "versions"):
        assert getattr(record, name) == getattr(result, name)
    assert record.hyperparameters == {"epochs": 2, "reg": 0.1}
    assert record.val_scores == (0.25, 0.125)
    assert (record.duration_s, record.diverged) == (1.5, True)
    assert read_rungs(frozen) == result.rungs


def test_each_state_has_one_of_optuna() -> None:
    assert set(OPTUNA_STATES) == set(State)
    assert set(OPTUNA_STATES.values()) == set(TrialState)
