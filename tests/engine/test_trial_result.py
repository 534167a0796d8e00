"""Result of a trial, and the records of confirmations and refits that are made of it."""

import dataclasses

import pytest

from hpsearch.engine.records import Confirmation, Refit, State
from hpsearch.engine.trial_files import Epoch
from hpsearch.engine.trial_result import TrialResult

RESULT = TrialResult(
    7,
    State.COMPLETE,
    (Epoch(1, 0.25, 0.5, 0.0), Epoch(2, 0.75, 1.0, 0.0)),
    net_sha256="ab",
    versions={"numpy": "2"},
)


def test_a_confirmation_has_the_values_of_its_result() -> None:
    assert RESULT.as_confirmation(2) == Confirmation(
        7, 2, State.COMPLETE, 0.75, "ab", 1.5, None, {"numpy": "2"}
    )


def test_a_refit_has_the_values_of_its_result() -> None:
    failed = dataclasses.replace(RESULT, state=State.FAILED, net_sha256=None, reason="why")
    assert failed.as_refit() == Refit(7, State.FAILED, None, 1.5, "why", {"numpy": "2"})


@pytest.mark.parametrize("state", [State.PRUNED, State.FAILED, State.WAITING])
def test_only_a_complete_trial_has_a_final_score(state: State) -> None:
    assert RESULT.final_score == 0.75
    assert dataclasses.replace(RESULT, state=state).final_score is None
