import json
from pathlib import Path

from hpsearch.execution import Attempts
from hpsearch.objective.attempts import ATTEMPTS_FILE, note_attempt, read_attempts


def test_a_trial_never_begun_has_no_attempts(tmp_path: Path) -> None:
    assert read_attempts(tmp_path / "nothing") == Attempts(0, 0)


def test_attempts_are_counted_with_where_the_last_one_began(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    note_attempt(tmp_path, 7)
    assert read_attempts(tmp_path) == Attempts(2, 7)
    lines = (tmp_path / ATTEMPTS_FILE).read_text().splitlines()
    assert [json.loads(line)["from_epoch"] for line in lines] == [0, 7]


def test_a_torn_last_line_is_no_attempt_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    note_attempt(tmp_path, 0)
    with (tmp_path / ATTEMPTS_FILE).open("a") as file:
        file.write('{"from_epo')
    assert read_attempts(tmp_path) == Attempts(1, 0)
    note_attempt(tmp_path, 3)
    assert read_attempts(tmp_path) == Attempts(2, 3)
