import pickle
from collections.abc import Callable

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import PruningRule, SearchStudy
from hpsearch.engine.search.pruning import make_pruning_rule


def _past(number: int, accuracies: list[float]) -> FrozenTrial:
    steps = dict(enumerate(accuracies, start=1))
    trial = create_trial(state=TrialState.COMPLETE, value=accuracies[-1], intermediate_values=steps)
    trial.number = number
    return trial


PAST = [_past(n, [0.2 + 0.1 * n, 0.3 + 0.1 * n, 0.4 + 0.1 * n]) for n in range(3)]
MEDIAN = {"name": "median", "n_startup_trials": 2}


@pytest.mark.parametrize("accuracies", [[0.1, 0.2], [0.31, 0.39, 0.2], [0.5, 0.3]])
def test_a_rule_decides_as_optunas_own_pruner_does(
    accuracies: list[float], define: Callable[..., StudyDefinition]
) -> None:
    rule = make_pruning_rule(define(pruner=MEDIAN, lag=1), PAST, 3)
    assert rule is not None
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=2)
    )
    study.add_trials(PAST)
    trial = study.ask()
    for epoch, accuracy in enumerate(accuracies, start=1):
        trial.report(accuracy, epoch)
        assert rule(epoch, accuracy) == trial.should_prune()


def test_a_rule_travels(define: Callable[..., StudyDefinition]) -> None:
    rule = make_pruning_rule(define(pruner=MEDIAN, lag=1), PAST, 3)
    travelled: PruningRule = pickle.loads(pickle.dumps(rule))
    assert travelled(1, 0.1)
    assert not travelled(2, 0.9)


def test_without_a_pruner_there_is_no_rule(define: Callable[..., StudyDefinition]) -> None:
    assert make_pruning_rule(define(pruner="none"), PAST, 3) is None


def test_rungs_are_handed_on_to_later_trials(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy]
) -> None:
    search = simulate(define(pruner={"name": "successive_halving", "reduction_factor": 2}))
    notes = [trial.user_attrs["rungs"] for trial in search.optuna_study.trials]
    assert all("completed_rung_0" in note for note in notes)
    later = make_pruning_rule(search.definition, search.optuna_study.trials, 7)
    assert later is not None
    assert "completed_rung_0" in later.known[0].system_attrs


def test_a_rule_carries_of_other_trials_only_what_pruners_look_at(
    define: Callable[..., StudyDefinition],
) -> None:
    """It travels with each job: a trial's versions and hyperparameters would double it."""
    past = [_past(n, [0.5]) for n in range(3)]
    for trial in past:
        trial.user_attrs = {"versions": "long"}
    rule = make_pruning_rule(define(pruner=MEDIAN, lag=1), past, 3)
    assert rule is not None
    assert b"long" not in pickle.dumps(rule)
    assert [(t.number, t.state, t.value, t.intermediate_values) for t in rule.known] == [
        (t.number, t.state, t.value, t.intermediate_values) for t in past
    ]
