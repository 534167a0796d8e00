"""One recommendation in place of findings that contradict each other or the search."""

from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.selection import recommend
from hpsearch.trainers import Finding

SETTING = {"hidden_size": 12, "learning_rate": 0.01}
FEWER = Finding("Many units are dead.", "", changes={"hidden_size": -1})
MORE = Finding("The capacity is low.", "", changes={"hidden_size": 1})


def _records(slope: int, n: int = 40) -> list[TrialRecord]:
    """Trials whose score rises with the hidden size, or falls with it, or neither."""
    sizes = [4 + number * 7 % 20 for number in range(n)]
    base: dict[str, Any] = {"val_scores": (), "net_sha256": None, "duration_s": 1.0}
    base |= {"diverged": False, "reason": None, "versions": {}, "state": State.COMPLETE}
    base |= {"started_at": None, "ended_at": None}
    return [
        TrialRecord(
            number=number,
            value=0.5 + slope * size / 100 + (number % 3) / 1000,
            hyperparameters={"hidden_size": size, "learning_rate": 0.01},
            **base,
        )
        for number, size in enumerate(sizes)
    ]


@pytest.fixture
def advise(define: Callable[..., StudyDefinition]) -> Callable[..., dict[str, int]]:
    def make(findings: list[Finding], records: list[TrialRecord]) -> dict[str, int]:
        made = recommend(findings, records, define().search.space, SETTING)
        return {one.name: one.direction for one in made}

    return make


@pytest.mark.parametrize("slope", [1, -1])
def test_the_trials_decide_between_findings_that_contradict_each_other(
    slope: int, advise: Callable[..., dict[str, int]]
) -> None:
    assert advise([FEWER, MORE], _records(slope)) == {"hidden_size": slope}


def test_without_a_trend_contradicting_findings_change_nothing(
    advise: Callable[..., dict[str, int]],
) -> None:
    assert advise([FEWER, MORE], _records(0)) == {"hidden_size": 0}
    assert advise([FEWER, MORE], _records(1, n=8)) == {"hidden_size": 0}


def test_advice_that_the_best_trials_refute_is_not_given(
    advise: Callable[..., dict[str, int]],
) -> None:
    assert advise([FEWER], _records(1)) == {"hidden_size": 0}
    assert advise([FEWER], _records(-1)) == {"hidden_size": -1}
    assert advise([FEWER], _records(0)) == {"hidden_size": -1}


def test_hyperparameters_that_the_trainer_lacks_are_ignored(
    advise: Callable[..., dict[str, int]],
) -> None:
    assert advise([Finding("", "", changes={"depth": 1})], []) == {}


def test_the_reasons_name_findings_and_trials(define: Callable[..., StudyDefinition]) -> None:
    (one,) = recommend([FEWER], _records(1), define().search.space, SETTING)
    better = "but among the better half of the trials, a higher hidden_size scores better"
    assert one.reasons == ("Many units are dead", better)
