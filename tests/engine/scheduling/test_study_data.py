"""Trials of a study are trained on the same prepared data, to the last bit."""

import dataclasses
from collections.abc import Callable

import pytest

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.scheduling.study_data import check_training_data, note_training_data
from hpsearch.engine.search import SearchStudy
from hpsearch.foundations.errors import RefusedError

Define = Callable[..., StudyDefinition]
Open = Callable[..., SearchStudy]


@pytest.fixture
def other(digits: PreparedData) -> PreparedData:
    """The same images, prepared with another machine's rounding."""
    names = ("derived_components.npy", "derived_mean_image.npy")
    return dataclasses.replace(digits, contents=digits.contents | dict.fromkeys(names, "other"))


def test_training_data_are_recorded_and_accepted_again(
    define: Define, open_study: Open, digits: PreparedData
) -> None:
    search = open_study(define())
    note_training_data(search, digits)
    search.finish(search.ask(), State.COMPLETE, 0.5)
    note_training_data(search, digits)
    check_training_data(search, dataclasses.replace(digits, versions={"numpy": "3"}))


def test_other_bits_are_refused_once_a_trial_has_finished(
    define: Define, open_study: Open, digits: PreparedData, other: PreparedData
) -> None:
    search = open_study(define())
    note_training_data(search, digits)
    note_training_data(search, other)  # nothing was trained yet
    check_training_data(search, other)
    search.finish(search.ask(), State.PRUNED)
    for check in (check_training_data, note_training_data):
        with pytest.raises(RefusedError, match=r"components\.npy, derived_mean_image\.npy changed"):
            check(search, digits)


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({}, r"\(prepared with equal versions\)"),
        ({"blas": "openblas Nehalem"}, r"\(prepared with BLAS .* -> openblas Nehalem\)"),
    ],
)
def test_the_refusal_names_what_the_data_were_prepared_with(
    versions: dict[str, str],
    told: str,
    define: Define,
    open_study: Open,
    digits: PreparedData,
    other: PreparedData,
) -> None:
    search = open_study(define())
    note_training_data(search, digits)
    search.finish(search.ask(), State.COMPLETE, 0.5)
    other = dataclasses.replace(other, versions=digits.versions | versions)
    with pytest.raises(RefusedError, match=told):
        check_training_data(search, other)


def test_a_record_without_the_note_is_refused(
    define: Define, open_study: Open, digits: PreparedData
) -> None:
    search = open_study(define())
    search.finish(search.ask(), State.COMPLETE, 0.5)
    with pytest.raises(RefusedError, match="recorded by an older version"):
        note_training_data(search, digits)
