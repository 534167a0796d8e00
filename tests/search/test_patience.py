"""A database server that restarts, and answers that get lost on the way."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from hpsearch.definition import StudyDefinition
from hpsearch.records import fingerprint
from hpsearch.search import SearchStudy, load_study, open_storage
from hpsearch.search.patience import PatientStorage
from tests.postgres import Postgres


class _LosingAnswers(InMemoryStorage):
    """Does what it is asked, then loses the connection before it can say so."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name not in super().__getattribute__("names"):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            method(*args, **kwargs)
            self.names.discard(name)
            raise OperationalError("COMMIT", {}, Exception("server closed the connection"))

        return call


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.search.patience._PAUSE_S", 0.01)


def test_what_got_through_is_not_done_twice() -> None:
    losing = _LosingAnswers(set())
    study = optuna.create_study(storage=PatientStorage(losing, 5.0))
    losing.names |= {"create_new_trial", "set_trial_user_attr", "set_trial_intermediate_value"}
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("a", 1)
    trial.report(0.5, 1)
    losing.names |= {"set_trial_state_values", "set_study_user_attr"}
    study.tell(trial, 0.5)
    study.set_user_attr("b", 2)
    assert not losing.names  # each lost its answer once
    (only,) = study.trials
    assert (only.state, only.value, only.user_attrs) == (TrialState.COMPLETE, 0.5, {"a": 1})
    assert only.intermediate_values == {1: 0.5}


def test_a_trial_taken_up_again_is_not_skipped_for_another() -> None:
    """Optuna makes a new trial when it finds that a waiting one is running already."""
    losing = _LosingAnswers(set())
    study = optuna.create_study(storage=PatientStorage(losing, 5.0))
    study.enqueue_trial({"x": 0.5})
    losing.names.add("set_trial_state_values")
    assert study.ask().number == 0
    assert len(study.trials) == 1


def test_patience_ends(tmp_path: Path) -> None:
    class Away(InMemoryStorage):
        def get_all_studies(self) -> Any:
            raise OperationalError("SELECT", {}, Exception("connection refused"))

    started = time.monotonic()
    with pytest.raises(OperationalError):
        PatientStorage(Away(), 0.2).get_all_studies()
    assert time.monotonic() - started >= 0.2


def test_other_errors_are_not_waited_out() -> None:
    class Broken(InMemoryStorage):
        n_calls = 0

        def get_all_studies(self) -> Any:
            self.n_calls += 1
            raise ValueError("a defect")

    broken = Broken()
    with pytest.raises(ValueError, match="a defect"):
        PatientStorage(broken, 60.0).get_all_studies()
    assert broken.n_calls == 1


def _has_begun(postgres: Postgres) -> bool:
    """Whether the study has its first trial: opening a storage is not waited for."""
    try:
        with psycopg.connect(postgres.url.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT count(*) FROM trials").fetchone()
    except psycopg.Error:
        return False
    return row is not None and row[0] > 0


@pytest.mark.slow
def test_a_server_that_restarts_again_and_again_holds_the_same_study(
    define: Callable[..., StudyDefinition],
    simulate: Callable[..., SearchStudy],
    postgres: Postgres,
) -> None:
    calm = simulate(define(trials=24))
    done = threading.Event()
    n_restarts = 0

    def restart() -> None:
        nonlocal n_restarts
        while not _has_begun(postgres) and not done.is_set():
            time.sleep(0.05)
        while not done.wait(0.4):
            postgres.stop()
            time.sleep(0.2)
            postgres.start()
            n_restarts += 1

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        disturbed = simulate(define(trials=24), n_workers=2, url=postgres.url, patience_s=60.0)
    finally:
        done.set()
        restarting.join()
    assert n_restarts >= 3
    records = load_study("small", open_storage(postgres.url, Path("unused"))).records()
    assert fingerprint(records) == fingerprint(disturbed.records()) == fingerprint(calm.records())
    assert [record.number for record in records] == list(range(24))
