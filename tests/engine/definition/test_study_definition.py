from collections.abc import Callable

import pytest
from pydantic import ValidationError

from hpsearch.engine.definition import StudyDefinition, list_changes

Define = Callable[..., StudyDefinition]


def test_a_definition_cannot_be_changed(define: Define) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        define().seed = 3  # type: ignore[misc]


def test_trials_description_and_confirm_are_not_part_of_the_identity(define: Define) -> None:
    changed = define(trials=99, description="x", confirm={"top": 5})
    assert changed.identity_fields() == define().identity_fields()
    assert changed.with_trials(8).confirm == changed.confirm


def test_every_other_key_is_part_of_the_identity(define: Define) -> None:
    base = define().identity_fields()
    changes = (
        {"seed": 1},
        {"lag": 4},
        {"threads_per_trial": 2},
        {"space": {"batch_size": 51}},
        {"pruner": "median"},
        {"sampler": "random"},
        {"space": {"reg": 0.5}},
        {"first": [{"epochs": 4}]},
        {"data": {"source": "digits", "validation": {"folds": 5}, "test": 100}},
    )
    for change in changes:
        assert define(**change).identity_fields() != base, change


def test_identity_fields_are_read_as_the_same_definition(define: Define) -> None:
    definition = define(first=[{"epochs": 4}], pruner="hyperband")
    again = StudyDefinition.model_validate({**definition.identity_fields(), "trials": 8})
    assert again == definition


def test_without_folds_the_identity_of_the_data_has_no_trace_of_them(
    define: Define,
) -> None:
    """Recorded studies go on, and what was prepared for them is found."""
    identity_fields = define().identity_fields()["data"]
    assert (identity_fields["train"], identity_fields["validation"]) == (600, 150)
    assert "n_folds" not in define().split_spec().describe()


def test_changes_are_listed_key_by_key(define: Define) -> None:
    changes = list_changes(
        define().identity_fields(), define(seed=1, space={"reg": 0.5}).identity_fields()
    )
    assert "seed: 0 -> 1" in changes
    assert "search.space.reg.low: 1e-05 -> nothing" in changes
    assert "search.space.reg: nothing -> 0.5" in changes


def test_the_number_of_trials_is_checked_again(define: Define) -> None:
    assert define().with_trials(3).trials == 3
    with pytest.raises(ValidationError):
        define().with_trials(0)


def test_the_largest_number_of_epochs_is_known(define: Define) -> None:
    assert define().search.space.max_epochs() == 6
    assert define(space={"epochs": 9}).search.space.max_epochs() == 9
    assert define(space={"epochs": {"choices": [2, 7]}}).search.space.max_epochs() == 7
