"""A database server that restarts."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.search import SearchStudy, load_study, open_storage
from hpsearch.engine.search.database_connection import Patience
from tests.postgres import Postgres


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.engine.search.database_connection._PAUSE_S", 0.01)


def _unreachable() -> OperationalError:
    return OperationalError("SELECT", {}, Exception("connection refused"))


def test_calls_that_fail_for_a_lost_connection_are_retried() -> None:
    seen: list[bool] = []

    def attempt(is_again: bool) -> str:
        seen.append(is_again)
        if len(seen) < 3:
            raise StorageInternalError from _unreachable()
        return "answer"

    assert Patience(5.0).persist(attempt) == "answer"
    assert seen == [False, True, True]


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_retries_end_after_the_given_time(seconds: float) -> None:
    def attempt(is_again: bool) -> None:
        del is_again
        raise _unreachable()

    started = time.monotonic()
    with pytest.raises(OperationalError):
        Patience(seconds).persist(attempt)
    assert time.monotonic() - started >= seconds


def test_other_errors_are_not_retried() -> None:
    n_calls = 0

    def attempt(is_again: bool) -> None:
        nonlocal n_calls
        n_calls += 1
        raise ValueError(f"a defect, {is_again}")

    with pytest.raises(ValueError, match="a defect, False"):
        Patience(60.0).persist(attempt)
    assert n_calls == 1


def _has_begun(postgres: Postgres) -> bool:
    """Whether the study has its first trial: opening a storage is not retried."""
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
    calm = simulate(define(trials=60))
    done = threading.Event()
    n_restarts = 0

    def restart() -> None:
        nonlocal n_restarts
        while not _has_begun(postgres) and not done.is_set():
            time.sleep(0.05)
        while not done.wait(0.2):
            postgres.stop()
            time.sleep(0.2)
            postgres.start()
            n_restarts += 1

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        disturbed = simulate(define(trials=60), n_workers=2, url=postgres.url, patience_s=60.0)
    finally:
        done.set()
        restarting.join()
    assert n_restarts >= 3
    records = load_study("small", open_storage(postgres.url, Path("unused"))).records()
    assert fingerprint(records) == fingerprint(disturbed.records()) == fingerprint(calm.records())
    assert [record.number for record in records] == list(range(60))
