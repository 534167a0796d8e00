"""The writer's cache equals the database; writes that belong together are atomic."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.search import SearchStudy, load_study, open_storage
from hpsearch.engine.search.database_connection import Patience
from hpsearch.engine.search.sole_writer import SoleWriterStorage
from tests.postgres import Postgres

_SPACE = {"rate": FloatDistribution(1e-4, 1e-1, log=True), "width": IntDistribution(10, 500)}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    server: Postgres = request.getfixturevalue("shared_postgres")
    database = f"test_{tmp_path.name.lower()}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return server.url.removesuffix(server.database) + database


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.engine.search.database_connection._PAUSE_S", 0.01)


def _open(url: str) -> SoleWriterStorage:
    storage = open_storage(url, Path("unused"), patience_s=5.0)
    assert isinstance(storage, SoleWriterStorage)
    return storage


@pytest.fixture
def storage(url: str) -> SoleWriterStorage:
    """The writer's storage."""
    return _open(url)


@contextlib.contextmanager
def _reader(url: str) -> Iterator[RDBStorage]:
    """Another process's storage; its connections are closed, as a server allows a hundred."""
    storage = open_storage(url, Path("unused"))
    assert isinstance(storage, RDBStorage)
    try:
        yield storage
    finally:
        storage.engine.dispose()


def _seen(url: str) -> list[FrozenTrial]:
    """The trials of the study of `_run`, as another process reads them."""
    with _reader(url) as storage:
        return optuna.load_study(study_name="one", storage=storage).trials


def _rdb(storage: SoleWriterStorage) -> RDBStorage:
    database = storage._database._backend  # type: ignore[attr-defined]
    assert isinstance(database, RDBStorage)
    return database


def _run(storage: BaseStorage, n_trials: int = 1) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name="one", load_if_exists=True)
    for _ in range(n_trials):
        trial = study.ask()
        trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        trial.report(0.25, 1)
        study.tell(trial, 0.5)
    return study


_NUMBERS = st.integers(0, 3)
_WRITES = st.one_of(
    st.tuples(st.just("create")),
    st.tuples(st.just("rate"), _NUMBERS, st.floats(1e-4, 1e-1)),
    st.tuples(st.just("width"), _NUMBERS, st.integers(10, 500)),
    st.tuples(st.just("report"), _NUMBERS, st.integers(1, 3), st.floats(allow_nan=False, width=32)),
    st.tuples(
        st.just("attr"), _NUMBERS, st.sampled_from(["a", "b"]), st.sampled_from([(1, 2), {1: 0.1}])
    ),
    st.tuples(st.just("state"), _NUMBERS, st.sampled_from([0, 1, 2, 3, 4])),
)


def _apply(storage: BaseStorage, study_id: int, write: tuple[Any, ...]) -> None:
    """Make one change, if it is allowed."""
    kind, *rest = write
    if kind == "create":
        storage.create_new_trial(study_id)
        return
    trials = storage.get_all_trials(study_id)
    if rest[0] >= len(trials) or trials[rest[0]].state.is_finished():
        return
    trial_id = trials[rest[0]]._trial_id
    if kind in _SPACE:
        if kind not in trials[rest[0]].params:  # Optuna asks for each only once
            storage.set_trial_param(trial_id, kind, rest[1], _SPACE[kind])
    elif kind == "report":
        storage.set_trial_intermediate_value(trial_id, rest[1], rest[2])
    elif kind == "attr":
        storage.set_trial_user_attr(trial_id, rest[1], rest[2])
        storage.set_trial_system_attr(trial_id, rest[1], rest[2])
    else:
        state = TrialState(rest[1])
        storage.set_trial_state_values(trial_id, state, [0.5] if rest[1] == 1 else None)


@pytest.mark.parametrize("is_together", [False, True])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=st.lists(_WRITES, max_size=12))
def test_cached_trials_equal_those_in_the_database(
    writes: list[tuple[Any, ...]], is_together: bool, storage: SoleWriterStorage, url: str
) -> None:
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE])
    with storage.together() if is_together else contextlib.nullcontext():
        for write in [("create",), *writes]:
            _apply(storage, study_id, write)
    known = storage.get_all_trials(study_id)
    with _reader(url) as reader:
        assert known == reader.get_all_trials(study_id)
    assert [storage.get_trial(trial._trial_id) for trial in known] == known
    storage.delete_study(study_id)
    with _reader(url) as reader:
        assert study_id not in [study._study_id for study in reader.get_all_studies()]


def test_a_study_is_the_same_as_in_a_journal(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy], url: str
) -> None:
    journal = simulate(define(trials=12), n_workers=2, releases=0.2)
    simulate(define(trials=12), n_workers=2, releases=0.2, url=url, patience_s=5.0)
    with _reader(url) as reader:
        records = load_study("small", reader).records()
    assert fingerprint(records) == fingerprint(journal.records())


def test_a_group_of_writes_is_atomic(url: str) -> None:
    storage = _open(url)
    study = _run(storage)
    with storage.together():
        trial = study.ask()
        trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        for epoch in (1, 2):
            trial.report(0.25, epoch)
        seen = _seen(url)[1]
        assert (seen.params, seen.intermediate_values) == ({}, {})
        study.tell(trial, 0.5)
        seen = _seen(url)[1]
        assert (seen.state, seen.intermediate_values) == (TrialState.COMPLETE, {1: 0.25, 2: 0.25})


def test_a_partly_written_result_is_rolled_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = _open(url)
    study = _run(storage)
    trial = study.ask()

    def record() -> None:
        with storage.together():
            trial.report(0.25, 1)
            study.tell(trial, 0.5)

    def fail(*args: Any, **kwargs: Any) -> bool:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(_rdb(storage), "set_trial_state_values", fail)
        with pytest.raises(RuntimeError, match="killed"):
            record()
    seen = _seen(url)[1]
    assert (seen.state, seen.intermediate_values) == (TrialState.RUNNING, {})
    # Its sessions are their own again.
    trial.set_user_attr("later", 1)
    assert _seen(url)[1].user_attrs == {"later": 1}


def test_the_number_of_statements_for_a_trial_is_independent_of_running_trials(
    define: Callable[..., StudyDefinition], open_study: Callable[..., SearchStudy], url: str
) -> None:
    storage = _open(url)
    study = _run(storage)
    statements: list[str] = []
    event.listen(
        _rdb(storage).engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    counts = []
    for n_beside in (0, 20):
        for _ in range(n_beside):
            study.ask().suggest_float("rate", 1e-4, 1e-1, log=True)
        statements.clear()
        with storage.together():
            _run(storage)
        counts.append(len(statements))
    assert counts[0] == counts[1]


class _Line:
    """A connection to the database that breaks on request before a result arrives."""

    def __init__(self, storage: SoleWriterStorage) -> None:
        self._database, self._in_one_transaction = storage._database, storage._in_one_transaction
        self.n_lost = 0
        self.breaks_next = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._database, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            if name in ("create_new_trial", "set_study_user_attr"):
                self._break()
            return answer

        return call

    @contextlib.contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        with self._in_one_transaction():
            yield
        self._break()

    def _break(self) -> None:
        if self.breaks_next:
            self.breaks_next, self.n_lost = False, self.n_lost + 1
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))


@pytest.fixture
def line(storage: SoleWriterStorage) -> tuple[_Line, optuna.Study]:
    """A study whose storage can lose results."""
    line = _Line(storage)
    losing: Any = line
    writer = SoleWriterStorage(losing, line.in_one_transaction, Patience(5.0))
    return line, optuna.create_study(storage=writer, study_name="one")


def test_a_call_that_succeeded_unseen_is_not_repeated(
    line: tuple[_Line, optuna.Study], url: str
) -> None:
    breaking, study = line
    breaking.breaks_next = True
    trial = study.ask()
    for write in (
        lambda: trial.suggest_float("x", 0, 1),
        lambda: trial.set_user_attr("a", 1),
        lambda: trial.report(0.5, 1),
        lambda: study.tell(trial, 0.5),
        lambda: study.set_user_attr("b", 2),
    ):
        breaking.breaks_next = True
        write()
    assert breaking.n_lost == 6
    assert study.trials == _seen(url)
    (only,) = study.trials
    assert (only.state, only.value, only.user_attrs) == (TrialState.COMPLETE, 0.5, {"a": 1})
    assert only.intermediate_values == {1: 0.5}


def test_a_queued_trial_started_unseen_is_not_skipped(
    line: tuple[_Line, optuna.Study],
) -> None:
    """Optuna creates a new trial if it finds that a waiting one is already running."""
    breaking, study = line
    study.enqueue_trial({"x": 0.5})
    breaking.breaks_next = True
    assert study.ask().number == 0
    assert len(study.trials) == breaking.n_lost == 1


def test_readers_in_other_threads_wait_for_the_end_of_a_transaction(
    storage: SoleWriterStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = _run(storage)
    begin = storage._in_one_transaction
    reading: list[Future[dict[str, Any]]] = []

    @contextlib.contextmanager
    def begin_and_read() -> Iterator[None]:
        with begin():
            reading.append(beside.submit(lambda: study.user_attrs))
            with pytest.raises(TimeoutError):
                reading[-1].result(timeout=0.2)
            yield

    with ThreadPoolExecutor(1) as beside:
        monkeypatch.setattr(storage, "_in_one_transaction", begin_and_read)
        _run(storage)
        assert [one.result(timeout=5.0) for one in reading] == [{}] * 3


def test_a_finished_trial_is_not_changed(url: str) -> None:
    storage = _open(url)
    trial_id = _run(storage).trials[0]._trial_id
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError), storage.together():
        storage.set_trial_user_attr(trial_id, "late", 1)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_state_values(trial_id, TrialState.WAITING)
