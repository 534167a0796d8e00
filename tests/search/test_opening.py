from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.definition import StudyDefinition
from hpsearch.errors import RefusedError, UsageError
from hpsearch.search import SearchStudy, load_study, open_storage
from tests.conftest import DATA


def test_a_changed_definition_is_refused_with_the_keys(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    open_study(define())
    with pytest.raises(RefusedError, match=r"lag: 3 -> 5; search\.space\.epochs\.high: 6 -> 7"):
        open_study(define(lag=5, space={"epochs": {"low": 3, "high": 7}}))


def test_a_record_older_than_a_key_has_its_default(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define())
    meaning = search.attribute("definition")
    del meaning["data"]["basis"]
    search.note("definition", meaning)
    open_study(define())
    changed = define(data=DATA | {"basis": {"components": 20}})
    with pytest.raises(RefusedError, match=r"data\.basis: pixels -> nothing"):
        open_study(changed)


def test_other_data_is_refused(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy]
) -> None:
    open_study(define())
    with pytest.raises(RefusedError, match="data: data -> other"):
        open_study(define(), data_checksum="other")


def test_more_trials_and_another_description_are_welcome(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    open_study(define(trials=4))
    open_study(define(trials=9, description="longer"))
    loaded = load_study("small", open_storage(None, tmp_path / "journal"))
    assert loaded.definition.trials == 9


def test_an_unknown_study_names_the_known(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    open_study(define())
    with pytest.raises(UsageError, match=r"smal: .*did you mean 'small'"):
        load_study("smal", open_storage(None, tmp_path / "journal"))
