"""Folding a journal: whatever was written, Optuna reads the same study from fewer lines."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import optuna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hpsearch.engine.search.folding import fold
from hpsearch.engine.search.journal import JournalFile, StudyJournal

Action: TypeAlias = Callable[[BaseStorage], Any]

_DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-4, 1.0, log=True),
    "hidden_size": IntDistribution(1, 10),
    "contrast": CategoricalDistribution(("as_is", "scaled")),
}
_VALUES = st.floats(allow_nan=False)
_ATTRS = st.tuples(st.sampled_from(["key", "other"]), st.integers() | st.text() | st.none())
_TRIALS = st.integers(0, 3)


def _call(name: str, *arguments: Any) -> Action:
    return lambda storage: getattr(storage, name)(*arguments)


def _wait(storage: BaseStorage) -> None:
    waiting = optuna.trial.create_trial(state=TrialState.WAITING, system_attrs={"fixed": 1})
    storage.create_new_trial(0, waiting)


def _add_whole(storage: BaseStorage) -> None:
    params = {"learning_rate": 0.1, "contrast": "scaled"}
    distributions = {name: _DISTRIBUTIONS[name] for name in params}
    storage.create_new_trial(
        0, optuna.trial.create_trial(value=1.0, params=params, distributions=distributions)
    )


def _set_param(trial: int, name: str, internal: float) -> Action:
    return _call("set_trial_param", trial, name, internal, _DISTRIBUTIONS[name])


ACTIONS = st.one_of(
    st.just(_call("create_new_trial", 0)),
    st.just(_wait),
    st.just(_add_whole),
    st.builds(_set_param, _TRIALS, st.sampled_from(sorted(_DISTRIBUTIONS)), st.just(1.0)),
    st.builds(
        lambda trial, step, value: _call("set_trial_intermediate_value", trial, step, value),
        _TRIALS,
        st.integers(0, 3),
        _VALUES,
    ),
    st.builds(lambda trial, attr: _call("set_trial_user_attr", trial, *attr), _TRIALS, _ATTRS),
    st.builds(lambda trial, attr: _call("set_trial_system_attr", trial, *attr), _TRIALS, _ATTRS),
    st.builds(lambda attr: _call("set_study_user_attr", 0, *attr), _ATTRS),
    st.builds(
        lambda trial, state, value: _call("set_trial_state_values", trial, state, [value]),
        _TRIALS,
        st.sampled_from(TrialState),
        _VALUES,
    ),
    st.builds(
        lambda trial, state: _call("set_trial_state_values", trial, state),
        _TRIALS,
        st.sampled_from(TrialState),
    ),
)
# What StudyJournal never writes, and others may.
_OTHER_SPACE = _call("set_trial_param", 0, "hidden_size", 1.0, FloatDistribution(1.0, 2.0))
_OTHER_RATE = _call("set_trial_param", 1, "learning_rate", 1.0, IntDistribution(1, 2))
_SECOND_STUDY = _call("create_new_study", [StudyDirection.MAXIMIZE], "second")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


def _write(path: Path, actions: list[Action]) -> None:
    path.unlink(missing_ok=True)
    journal = StudyJournal(path)
    journal.create_new_study([StudyDirection.MAXIMIZE], "first")
    with journal.together():
        for action in actions:
            with contextlib.suppress(KeyError, ValueError, RuntimeError, AssertionError):
                action(journal)


@given(st.lists(ACTIONS, max_size=25))
@example([_call("create_new_trial", 0), _set_param(0, "hidden_size", 2.0), _OTHER_SPACE])
@example([_add_whole, _call("create_new_trial", 0), _OTHER_RATE])
@example([_SECOND_STUDY, _call("create_new_trial", 1), _call("create_new_trial", 0)])
@example([_SECOND_STUDY, _call("create_new_trial", 1), _call("delete_study", 0)])
def test_a_study_is_read_as_optuna_reads_it(folder: Path, actions: list[Action]) -> None:
    path = folder / "journal"
    _write(path, actions)
    ours, theirs = StudyJournal(path), JournalStorage(JournalFileBackend(str(path)))
    studies = theirs.get_all_studies()
    assert ours.get_all_studies() == studies
    for study in studies:
        assert ours.get_all_trials(study._study_id) == theirs.get_all_trials(study._study_id)


def test_a_trial_is_one_line(folder: Path) -> None:
    path = folder / "one_line"
    new, report = _call("create_new_trial", 0), _call("set_trial_intermediate_value", 0, 1, 0.5)
    end = _call("set_trial_state_values", 0, TrialState.COMPLETE, [0.5])
    _write(path, [new, _set_param(0, "hidden_size", 2.0), report, new, end])
    assert [log["op_code"] for log in JournalFile(path).read_logs(0)] == [0, 4, 4]


def test_what_is_written_after_folding_is_read_on(folder: Path) -> None:
    path = folder / "on"
    new, report = _call("create_new_trial", 0), _call("set_trial_intermediate_value", 0, 1, 0.5)
    _write(path, [new, report])
    reader, writer = StudyJournal(path), StudyJournal(path)
    writer.set_trial_intermediate_value(0, 2, 0.6)
    assert writer.create_new_trial(0) == 1
    assert reader.get_trial(0).intermediate_values == {1: 0.5, 2: 0.6}
    assert reader.get_n_trials(0) == 2


def test_lines_about_no_trial_are_left_to_optuna() -> None:
    logs = [{"op_code": 0}, {"op_code": 7, "trial_id": 0, "step": 1, "intermediate_value": 0.5}]
    assert fold(logs) is logs
