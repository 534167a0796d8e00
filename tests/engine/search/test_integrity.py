"""Changes and losses in a record are found, and a crash causes neither."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import SELECTION, Confirmation, State
from hpsearch.engine.search import (
    HOLDER,
    Holder,
    SearchStudy,
    check_record,
    copy_study,
    create_or_continue_study,
    held_storage,
    load_study,
    note_confirmation,
    open_storage,
    suggest_hyperparameters,
    watch_record,
)
from hpsearch.engine.search import journal as journal_module
from hpsearch.engine.search.record_checksums import RecordChecksums
from hpsearch.engine.search.sole_writer import SoleWriterStorage
from hpsearch.foundations.errors import StoreError

Define = Callable[..., StudyDefinition]
N_TRIALS = 3


class Record:
    """A study's record and the files beside it, in a folder."""

    def __init__(self, folder: Path, definition: StudyDefinition, *, is_journal: bool) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.definition = folder, definition
        self.journal = folder / "optuna.journal"
        self.database = folder / "a.db"
        self.url = None if is_journal else f"sqlite:///{self.database}"

    def at(self, folder: Path) -> "Record":
        """Copy it to another folder."""
        return Record(folder, self.definition, is_journal=self.url is None)

    def history(self, number: int) -> Path:
        return self.folder / f"{number:04d}" / "history.json"

    def open(self) -> SearchStudy:
        return load_study(self.definition.name, open_storage(self.url, self.journal))

    def problems(self) -> list[str]:
        try:
            found = check_record(self.open(), self.folder / "checksums", self.history)
        except StoreError as error:
            return [f"unreadable: {error}"]
        return [str(one) for one in found]

    def run(self, n_trials: int = N_TRIALS) -> None:
        """Continue to `n_trials` trials, as a session does."""
        name = self.definition.name
        with held_storage(self.url, self.journal, name, patience_s=1.0) as storage:
            search = create_or_continue_study(self.definition, storage, data_checksum="data")
            holder = Holder.of_this_process(self.folder)
            checksums = self.folder / "checksums"
            watch_record(search, checksums, self.history, session=holder.session)
            search.note(HOLDER, holder.as_note())
            search.release_orphans()
            while (number := search.next_number()) is not None and number < n_trials:
                with search.writing_together():
                    trial = search.ask()
                    setting = suggest_hyperparameters(trial, search.definition.search.space)
                    trial.set_user_attr("hyperparameters", setting)
                self.history(number).parent.mkdir(exist_ok=True)
                self.history(number).write_text(json.dumps([number]))
                with search.writing_together():
                    trial.report(0.25, 1)
                    trial.report(0.5 + number / 10, 2)
                    trial.set_user_attr("duration_s", 0.125)
                    search.finish(trial, State.COMPLETE, 0.5 + number / 10)
                assert search.checksums
                search.checksums.add_trial(search.trials()[number], self.history(number))
                search.note("sessions", {"one": {"wall_s": float(number)}})
            search.note(SELECTION, {"number": 2, "n_complete": len(search.trials())})
            for replicate in (1, 2):
                done = Confirmation(2, replicate, State.COMPLETE, 0.5, "net", 0.1, None)
                note_confirmation(search, done)


@pytest.fixture(params=["journal", "sqlite"])
def record(request: pytest.FixtureRequest, define: Define, tmp_path: Path) -> Record:
    return Record(tmp_path / "study", define(), is_journal=request.param == "journal")


@pytest.fixture
def in_journal(define: Define, tmp_path: Path) -> Record:
    record = Record(tmp_path / "study", define(), is_journal=True)
    record.run()
    return record


@pytest.fixture
def in_sqlite(define: Define, tmp_path: Path) -> Record:
    record = Record(tmp_path / "study", define(), is_journal=False)
    record.run()
    return record


def test_a_record_as_it_was_written_has_no_problems(record: Record) -> None:
    record.run()
    assert record.problems() == []
    record.run(N_TRIALS + 1)
    assert record.problems() == []


def test_any_line_of_a_journal_that_is_lost_or_changed_is_found(in_journal: Record) -> None:
    journal, rng = in_journal.journal, random.Random(0)
    lines = journal.read_bytes().splitlines(keepends=True)
    for index, line in enumerate(lines):
        journal.write_bytes(b"".join(lines[:index] + lines[index + 1 :]))
        assert in_journal.problems(), line
        changed = bytearray(line)
        place = rng.choice([place for place, byte in enumerate(line) if chr(byte).isdigit()])
        changed[place] = ord("1") if line[place] != ord("1") else ord("2")
        journal.write_bytes(b"".join([*lines[:index], changed, *lines[index + 1 :]]))
        assert in_journal.problems(), line


def test_what_is_changed_is_named_by_its_trial(in_journal: Record) -> None:
    text = in_journal.journal.read_text()
    in_journal.journal.write_text(text.replace('"values":[0.6]', '"values":[0.9]'))
    assert in_journal.problems() == ["trial 1: changed in the record"]


def test_lines_lost_at_the_end_are_found_also_after_another_run(
    in_journal: Record,
) -> None:
    lines = in_journal.journal.read_bytes().splitlines(keepends=True)
    of_last = [n for n, line in enumerate(lines) if json.loads(line).get("trial_id") == 2]
    in_journal.journal.write_bytes(b"".join(lines[: of_last[3]]))
    assert any("trial 2: " in problem for problem in in_journal.problems())
    in_journal.run()
    assert any("of the journal changed or lost" in problem for problem in in_journal.problems())


def test_a_last_line_truncated_by_a_machine_failure_is_no_problem(in_journal: Record) -> None:
    content = in_journal.journal.read_bytes()
    last = content[:-1].rfind(b"\n") + 1
    for end in range(last + 1, len(content), 9):
        in_journal.journal.write_bytes(content[:end])
        assert in_journal.problems() == []
    in_journal.run()
    assert in_journal.problems() == []


def test_lines_that_another_program_adds_are_no_problem(in_journal: Record) -> None:
    in_journal.open().optuna_study._storage.set_study_system_attr(0, "dashboard:note", "good")
    assert in_journal.problems() == []
    in_journal.run(N_TRIALS + 1)
    assert in_journal.problems() == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "UPDATE trial_values SET value = 0.9 WHERE trial_id = 2",
            "trial 1: changed in the record",
        ),
        (
            "UPDATE trial_params SET param_value = 0.05"
            " WHERE trial_id = 1 AND param_name = 'learning_rate'",
            "trial 0: changed in the record",
        ),
        (
            "UPDATE trial_intermediate_values SET intermediate_value = 0.3 WHERE trial_id = 3",
            "trial 2: changed in the record",
        ),
        ("UPDATE trials SET state = 'FAIL' WHERE trial_id = 3", "trial 2: changed in the record"),
        ("UPDATE trials SET state = 'RUNNING' WHERE trial_id = 3", "trial 2: its end lost from"),
        ("DELETE FROM trials WHERE trial_id = 3", "trial 2: lost from the record"),
        ("DELETE FROM trials WHERE trial_id = 2", "trial 1: "),
        (
            "UPDATE trial_user_attributes SET value_json = '9.5' WHERE trial_id = 1"
            " AND key = 'duration_s'",
            "trial 0: changed in the record",
        ),
        (
            "UPDATE study_user_attributes SET value_json = replace(value_json, '0.5', '0.9')"
            " WHERE key = 'confirmations'",
            "the study: confirmations changed in the record",
        ),
        (
            "DELETE FROM study_user_attributes WHERE key = 'confirmations'",
            "the study: confirmations changed in the record",
        ),
    ],
)
def test_a_row_of_a_database_that_is_changed_or_lost_is_found(
    statement: str, problem: str, in_sqlite: Record
) -> None:
    with sqlite3.connect(in_sqlite.database) as database:
        assert database.execute(statement).rowcount
    assert any(one.startswith(problem) for one in in_sqlite.problems())


@pytest.mark.parametrize("what", ["changed", "lost"])
def test_a_changed_or_lost_history_is_found(what: str, record: Record) -> None:
    record.run()
    path = record.history(1)
    path.write_text("[]") if what == "changed" else path.unlink()
    assert record.problems() == [f"trial 1: history.json {what}"]
    shutil.rmtree(path.parent)  # as where another workspace ran it
    assert record.problems() == []


def test_a_copy_is_checked_against_the_first_checksums(in_journal: Record) -> None:
    in_journal.history(0).write_text("[0.5]")
    text = in_journal.journal.read_text()
    in_journal.journal.write_text(text.replace('"values":[0.6]', '"values":[0.9]'))
    url = f"sqlite:///{in_journal.folder / 'copy.db'}"
    copy_study(in_journal.open(), open_storage(url, Path()))
    in_journal.url = url
    assert in_journal.problems() == [
        "trial 0: history.json changed",
        "trial 1: changed in the record",
    ]


def test_a_study_that_went_on_in_another_workspace_is_no_change(
    in_sqlite: Record, tmp_path: Path
) -> None:
    other = Record(tmp_path / "other", in_sqlite.definition, is_journal=False)
    other.url = in_sqlite.url
    other.run(N_TRIALS + 1)  # notes results anew
    assert (in_sqlite.problems(), other.problems()) == ([], [])
    in_sqlite.run(N_TRIALS + 2)
    assert (in_sqlite.problems(), other.problems()) == ([], [])
    with sqlite3.connect(in_sqlite.database) as database:
        database.execute("UPDATE trial_values SET value = 0.9 WHERE trial_id = 2")
    assert in_sqlite.problems() == other.problems() == ["trial 1: changed in the record"]


def test_a_record_removed_as_a_whole_is_followed_by_a_new_one(record: Record) -> None:
    record.run()
    (record.journal if record.url is None else record.database).unlink()
    record.run(1)
    assert record.problems() == []


def test_a_failed_trial_that_is_run_again_is_no_change(record: Record) -> None:
    record.run()
    name = record.definition.name
    with held_storage(record.url, record.journal, name, patience_s=1.0) as storage:
        search = create_or_continue_study(record.definition, storage, data_checksum="data")
        watch_record(search, record.folder / "checksums", record.history, session="again")
        search.note(HOLDER, {"session": "again"})
        assert search.checksums
        trial = search.ask()
        search.finish(trial, State.FAILED)
        search.checksums.add_trial(search.trials()[N_TRIALS], record.history(N_TRIALS))
        assert record.problems() == []
        assert search.reopen_failed() == [N_TRIALS]
        assert record.problems() == []
    record.run(N_TRIALS + 1)
    assert record.open().records()[N_TRIALS].state == State.COMPLETE
    assert record.problems() == []


def _snapshots(record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Record]:
    """The record as left by a crash before and after each write."""
    taken: list[Path] = []

    def snap() -> None:
        folder = tmp_path / f"crash-{len(taken)}"
        shutil.copytree(record.folder, folder)
        taken.append(folder)

    def watch(owner: Any, name: str) -> None:
        write = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            snap()
            try:
                return write(*args, **kwargs)
            finally:
                snap()

        monkeypatch.setattr(owner, name, watched)

    watch(RecordChecksums, "_add")
    if record.url is None:
        watch(journal_module, "add_checksums")
        watch(journal_module.JournalFile, "_write")
    else:
        for name in ("set_trial_state_values", "set_study_user_attr", "create_new_trial"):
            watch(SoleWriterStorage, name)
    record.run()
    monkeypatch.undo()
    assert len(taken) > 40
    yield from map(record.at, taken)


def test_no_crash_looks_like_a_change(
    record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    n_checked = 0
    for crashed in _snapshots(record, monkeypatch, tmp_path):
        if crashed.url is None and not crashed.journal.read_bytes():
            continue  # not created yet
        if crashed.url is not None and not _has_study(crashed):
            continue
        assert crashed.problems() == []
        n_checked += 1
        if n_checked % 12 == 0:
            crashed.run()
            assert crashed.problems() == []
            assert len(crashed.open().trials()) == N_TRIALS
    assert n_checked > 30


def _has_study(record: Record) -> bool:
    with sqlite3.connect(record.database) as database:
        return bool(database.execute("SELECT count(*) FROM studies").fetchone()[0])
