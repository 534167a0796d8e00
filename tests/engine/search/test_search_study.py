from collections.abc import Callable

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.search.distributions import suggest_hyperparameters


def test_a_released_trial_is_asked_again_with_its_number_and_hyperparameters(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define())
    space = search.definition.search.space
    settings = [suggest_hyperparameters(search.ask(), space) for _ in range(3)]
    search.release(1)
    assert search.next_number() == 1
    again = search.ask()
    assert again.number == 1
    assert suggest_hyperparameters(again, space) == settings[1]


def test_a_trial_may_start_once_all_that_it_must_know_has_ended(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define(lag=3))
    trials = [search.ask() for _ in range(3)]
    assert not search.may_start(3)
    search.finish(trials[2], State.COMPLETE, 0.5)
    assert not search.may_start(3)
    search.finish(trials[0], State.COMPLETE, 0.5)
    assert search.may_start(3)
    assert not search.may_start(4)


def test_asking_too_early_is_an_error(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define(lag=1))
    search.ask()
    with pytest.raises(ValueError, match="trial 1 may not start before trial 0 ends"):
        suggest_hyperparameters(search.ask(), search.definition.search.space)


def test_orphans_are_returned_to_the_queue(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define())
    search.ask()
    search.ask()
    assert open_study(define()).release_orphans() == [0, 1]
    assert {record.state for record in search.records()} == {State.WAITING}


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_proposal_made_ahead_is_the_one_made_at_the_start(
    sampler: str,
    define: Callable[..., StudyDefinition],
    simulate: Callable[..., SearchStudy],
) -> None:
    definition = define(trials=12, sampler={"name": sampler, "n_startup_trials": 2})
    asked = simulate(definition)
    ahead = simulate(definition, ahead=2)
    assert fingerprint(ahead.records()) == fingerprint(asked.records())
    attrs = [trial.system_attrs for trial in ahead.optuna_study.trials]
    assert attrs == [trial.system_attrs for trial in asked.optuna_study.trials]


def test_proposals_ahead_are_limited_by_n_ahead_and_the_lag_rule(
    define: Callable[..., StudyDefinition],
    open_study: Callable[..., SearchStudy],
) -> None:
    search = open_study(define(trials=8, lag=3))
    assert [search.propose_ahead(2) for _ in range(3)] == [True, True, False]
    assert [search.propose_ahead(9) for _ in range(2)] == [True, False]  # 3 must know 0
    assert search.records() == []
    trial = search.ask()
    assert search.propose_ahead(9) is False
    search.finish(trial, State.COMPLETE, 0.5)
    assert search.propose_ahead(9) is True
