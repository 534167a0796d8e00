from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import TrialState

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import Confirmation, State
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    is_complete,
    list_due,
    load_study,
    note_confirmation,
    open_storage,
    read_confirmations,
)

Define = Callable[..., StudyDefinition]
VALUES = (0.5, 0.7, 0.6)


def _done(number: int, replicate: int, state: State = State.COMPLETE) -> Confirmation:
    return Confirmation(number, replicate, state, 0.5, "net", 1.0, None)


@pytest.fixture
def open_study(tmp_path: Path) -> Callable[..., SearchStudy]:
    """The study of four trials, the last one still running."""

    def make(definition: StudyDefinition) -> SearchStudy:
        storage = open_storage(None, tmp_path / "journal")
        search = create_or_continue_study(definition, storage, data_checksum="data")
        if not search.records():
            for value in VALUES:
                search.finish(search.ask(), State.COMPLETE, value)
            search.ask()
        return search

    return make


def test_the_best_are_due_once_the_last_trial_has_ended(
    define: Define, open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define(trials=4, confirm={"top": 2, "seeds": 2}))
    assert list_due(search) == []
    assert not is_complete(search)
    search.optuna_study.tell(3, 0.65)
    assert list_due(search) == [(1, 1), (1, 2), (3, 1), (3, 2)]
    for number, replicate in ((3, 1), (1, 2), (1, 1)):
        note_confirmation(search, _done(number, replicate))
    assert list_due(search) == [(3, 2)]
    assert not is_complete(search)
    note_confirmation(search, _done(3, 2, State.FAILED))
    assert is_complete(search)
    assert [(one.number, one.replicate) for one in read_confirmations(search)] == [
        *((1, 1), (1, 2), (3, 1), (3, 2))
    ]


def test_without_the_table_nothing_is_due(
    define: Define, open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define(trials=4))
    search.optuna_study.tell(3, 0.65)
    assert list_due(search) == []
    assert is_complete(search)


def test_no_more_are_due_than_trials_are_complete(
    define: Define, open_study: Callable[..., SearchStudy]
) -> None:
    search = open_study(define(trials=4, confirm={"top": 9, "seeds": 1}))
    search.optuna_study.tell(3, state=TrialState.FAIL)
    assert list_due(search) == [(1, 1), (2, 1), (0, 1)]


def test_the_table_may_change_from_run_to_run_and_is_known_without_the_file(
    define: Define, open_study: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    for confirm in (None, {"top": 1, "seeds": 5}, {"top": 2}, None):
        definition = define(trials=4, confirm=confirm)
        open_study(definition)
        loaded = load_study("small", open_storage(None, tmp_path / "journal"))
        assert loaded.definition == definition
