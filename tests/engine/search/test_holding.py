"""One process runs a study at a time, whichever workspace it runs it from."""

import multiprocessing
import os
import platform
from collections.abc import Callable
from multiprocessing.synchronize import Event as Signal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.search import (
    HOLDER,
    Holder,
    SearchStudy,
    create_or_continue_study,
    held_storage,
    load_study,
    open_storage,
    translate_storage_errors,
)
from hpsearch.foundations.errors import RefusedError, StoreError
from tests.postgres import Postgres

Define = Callable[..., StudyDefinition]


@pytest.fixture(params=["journal", "sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """A storage of each kind; None for the journal."""
    if request.param == "journal":
        return None
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.db'}"
    server: Postgres = request.getfixturevalue("shared_postgres")
    database = f"test_{tmp_path.name.lower()}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    return server.url.removesuffix(server.database) + database


def _open(define: Define, url: str | None, journal: Path, *, name: str = "small") -> "_HeldStudy":
    return _HeldStudy(define(name=name), url, journal)


class _HeldStudy:
    """A study, locked and with its holder recorded, as in a session."""

    def __init__(self, definition: StudyDefinition, url: str | None, journal: Path) -> None:
        self.definition = definition
        self.held = held_storage(url, journal, definition.name, patience_s=30.0)

    def __enter__(self) -> SearchStudy:
        storage = self.held.__enter__()
        search = create_or_continue_study(self.definition, storage, data_checksum="data")
        search.note(HOLDER, Holder.of_this_process(Path("/one")).as_note())
        return search

    def __exit__(self, *error: object) -> None:
        self.held.__exit__(None, None, None)


def _hold_until_killed(
    definition: StudyDefinition, url: str | None, journal: Path, held: Signal
) -> None:
    with _HeldStudy(definition, url, journal) as search:
        search.ask()
        held.set()
        multiprocessing.Event().wait()


def test_a_second_run_is_refused_by_name_until_the_first_ends(
    define: Define, url: str | None, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    who = f"process {os.getpid()} on {platform.node()}, from the workspace /one; one at a time"
    with _open(define, url, journal) as search:
        with pytest.raises(RefusedError, match=who), _open(define, url, journal):
            pass
        search.finish(search.ask(), State.COMPLETE, 0.5)
    with _open(define, url, journal) as search:
        assert [record.value for record in search.records()] == [0.5]


def test_a_killed_holder_frees_the_study_at_once(
    define: Define, url: str | None, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    held, journal = context.Event(), tmp_path / "journal"
    holder = context.Process(target=_hold_until_killed, args=(define(), url, journal, held))
    holder.start()
    assert held.wait(120)
    with (
        pytest.raises(RefusedError, match=f"process {holder.pid} on "),
        _open(define, url, journal),
    ):
        pass
    holder.kill()
    holder.join()
    with _open(define, url, journal) as search:
        assert [record.state for record in search.records()] == [State.RUNNING]


def test_other_studies_of_the_storage_are_free(
    define: Define, url: str | None, tmp_path: Path
) -> None:
    other = tmp_path / "other.journal" if url is None else tmp_path / "journal"
    with _open(define, url, tmp_path / "journal"), _open(define, url, other, name="other"):
        pass


def test_a_journal_that_two_workspaces_share_is_held_under_both_names(
    define: Define, tmp_path: Path
) -> None:
    journal, shared = tmp_path / "journal", tmp_path / "shared"
    with _open(define, None, journal):
        shared.hardlink_to(journal)
        before = journal.read_bytes()
        with (
            pytest.raises(RefusedError, match="from the workspace /one"),
            _open(define, None, shared),
        ):
            pass
        assert journal.read_bytes() == before


def test_an_unfinished_line_of_a_running_process_is_not_truncated_by_another(
    define: Define, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with _open(define, None, journal):
        with journal.open("a") as file:
            file.write('{"half": ')
        before = journal.read_bytes()
        with pytest.raises(RefusedError), _open(define, None, journal):
            pass
        assert journal.read_bytes() == before


@pytest.mark.slow
def test_the_lock_of_a_server_that_restarts_is_taken_again(
    define: Define, postgres: Postgres, tmp_path: Path
) -> None:
    journal = tmp_path / "unused"
    with _open(define, postgres.url, journal) as search:
        postgres.stop()
        postgres.start()
        search.finish(search.ask(), State.COMPLETE, 0.5)
        with pytest.raises(RefusedError), _open(define, postgres.url, journal):
            pass
    storage = open_storage(postgres.url, journal)
    assert [record.value for record in load_study("small", storage).records()] == [0.5]


@pytest.mark.slow
def test_a_run_that_lost_its_lock_to_another_writes_nothing_more(
    define: Define, postgres: Postgres, tmp_path: Path
) -> None:
    """As after a restart of the server during which another run acquired the lock."""
    first = held_storage(postgres.url, tmp_path / "unused", "small", patience_s=1.0)
    with first as storage:
        search = create_or_continue_study(define(), storage, data_checksum="data")
        postgres.stop()
        postgres.start()
        with _open(define, postgres.url, tmp_path / "unused") as second:
            with (
                pytest.raises(StoreError, match="lock in the storage is held by another"),
                translate_storage_errors("small"),
            ):
                search.ask()
            assert second.records() == []
