from pathlib import Path

from hpsearch.engine.execution import Attempts
from hpsearch.engine.training.attempts import ATTEMPTS_FILE, note_attempt, read_attempts
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, save_history

EPOCH = Epoch(1, 0.5, 1.0, 0.0)


def test_a_trial_that_was_never_begun_has_no_attempts(tmp_path: Path) -> None:
    assert read_attempts(tmp_path) == Attempts(0, 0, 0)


def test_attempts_are_counted_and_so_are_the_epochs_since(tmp_path: Path) -> None:
    """An attempt that dies after an epoch has come further, though it began where it did."""
    note_attempt(tmp_path, 0)
    assert read_attempts(tmp_path) == Attempts(1, 0, 1)
    save_history(tmp_path / HISTORY_FILE, [EPOCH])
    assert read_attempts(tmp_path) == Attempts(1, 1, 0)
    note_attempt(tmp_path, 1)
    assert read_attempts(tmp_path) == Attempts(2, 1, 1)


def test_a_torn_or_damaged_line_was_no_attempt(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    with (tmp_path / ATTEMPTS_FILE).open("a") as file:
        file.write('[]\n{"from')
    assert read_attempts(tmp_path).n_begun == 1


def test_a_damaged_history_counts_as_none(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    (tmp_path / HISTORY_FILE).write_bytes(b"garbage")
    assert read_attempts(tmp_path) == Attempts(1, 0, 1)
