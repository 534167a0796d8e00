"""The journal file: Optuna's format, with fewer and atomic writes."""

import gc
import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import SearchStudy, load_study
from hpsearch.engine.search.journal import JournalFile, StudyJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def _start_trial(journal: StudyJournal) -> tuple[int, int]:
    study_id = journal.create_new_study([StudyDirection.MAXIMIZE], "small")
    return study_id, journal.create_new_trial(study_id)


def test_optunas_own_backend_reads_the_same_study(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy], path: Path
) -> None:
    ours = simulate(define(trials=5))
    written = next(path.parent.glob("*.journal"))
    theirs = load_study("small", JournalStorage(JournalFileBackend(str(written))))
    assert theirs.records() == ours.records()


def test_a_group_is_readable_at_once_and_written_at_the_end(path: Path) -> None:
    journal = StudyJournal(path)
    study_id, trial_id = _start_trial(journal)
    size = path.stat().st_size
    with journal.together():
        journal.set_trial_intermediate_value(trial_id, 1, 0.5)
        journal.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.5])
        assert journal.get_trial(trial_id).value == 0.5
        assert path.stat().st_size == size
    journal.set_study_user_attr(study_id, "after", 1)
    again = StudyJournal(path)
    assert again.get_trial(trial_id).intermediate_values == {1: 0.5}
    assert again.get_trial(trial_id).state == TrialState.COMPLETE
    assert again.get_study_user_attrs(study_id) == {"after": 1}


def test_lines_of_another_writer_are_read(path: Path) -> None:
    journal, other = StudyJournal(path), StudyJournal(path)
    study_id, _ = _start_trial(journal)
    other.set_study_user_attr(study_id, "key", "from the other")
    assert journal.get_study_user_attrs(study_id) == {"key": "from the other"}


def test_another_thread_that_reads_while_lines_are_written_reads_them_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the line that creates a trial were read twice, there would be one that never ends."""
    journal = StudyJournal(path)
    study_id, _ = _start_trial(journal)
    write = JournalFile._write
    reading: list[Future[int]] = []

    def write_and_be_read(file: JournalFile, text: bytes) -> None:
        write(file, text)
        reading.append(beside.submit(journal.get_n_trials, study_id))
        wait(reading, timeout=0.2)

    with ThreadPoolExecutor(1) as beside, monkeypatch.context() as patch:
        patch.setattr(JournalFile, "_write", write_and_be_read)
        with journal.together():
            journal.create_new_trial(study_id)
    assert [one.result() for one in reading] == [2]
    journal.create_new_trial(study_id)
    assert journal.get_n_trials(study_id) == StudyJournal(path).get_n_trials(study_id) == 3


def test_a_line_that_is_still_being_written_is_left_for_later(path: Path) -> None:
    file = JournalFile(path)
    path.write_bytes(b'{"a":1}\n{"b"')
    assert list(file.read_logs(0)) == [{"a": 1}]
    with path.open("ab") as writer:
        writer.write(b":2}\n")
    assert list(file.read_logs(1)) == [{"b": 2}]


def test_a_full_disk_leaves_no_torn_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = JournalFile(path)
    file.append_logs([{"a": 1}])

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            file.append_logs([{"b": 2}])
    file.append_logs([{"c": 3}])
    assert path.read_bytes() == b'{"a":1}\n{"c":3}\n'


def test_deleting_a_copy_of_a_journal_leaves_the_original_usable(path: Path) -> None:
    """Optuna and its plots copy studies; a shared open file would be closed twice."""
    journal = StudyJournal(path)
    study_id, _ = _start_trial(journal)
    other = pickle.loads(pickle.dumps(journal))
    del other
    gc.collect()
    journal.set_study_user_attr(study_id, "key", 1)
    assert StudyJournal(path).get_study_user_attrs(study_id) == {"key": 1}
