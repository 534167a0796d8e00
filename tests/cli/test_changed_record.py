"""A record that is no longer what was written is reported by every command that looks at it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.workspace import Workspace

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def changed(has_run: Path, workspace: Workspace) -> Path:
    """A study one of whose values was edited in its journal."""
    journal = workspace.study("small").journal
    lines = journal.read_text().splitlines(keepends=True)
    for index, line in enumerate(lines):
        log = json.loads(line)
        if log.get("trial_id") == 1 and log.get("values"):
            lines[index] = re.sub(r'"values":\[[^]]+\]', '"values":[0.25]', line)
    journal.write_text("".join(lines))
    return has_run


def test_status_and_doctor_and_a_run_name_the_trial(program: Program, changed: Path) -> None:
    assert "trial 1: changed in the record" in program("status", changed)[1]
    status = json.loads(program("status", changed, "--json")[1])
    assert status["record"] == {"problems": ["trial 1: changed in the record"], "trials": [1]}
    _, output, _ = program("doctor", changed)
    assert re.search(r"! +record +trial 1: changed in the record; restore", output)
    _, output, _ = program("run", changed, "--backend", "threading", "--quiet")
    assert "small: trial 1: changed in the record" in output


def test_an_unchanged_record_is_reported_as_such(program: Program, has_run: Path) -> None:
    status = json.loads(program("status", has_run, "--json")[1])
    assert status["record"] == {"problems": [], "trials": []}
    assert "6 trials, as they were written" in program("doctor", has_run)[1]


def test_a_journal_whose_first_line_is_lost_is_damaged_not_absent(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    journal = workspace.study("small").journal
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[1:]))
    for command in ("status", "run"):
        code, _, error = program(command, has_run)
        assert code == 4
        assert "the record is damaged" in error
    assert journal.read_bytes() == b"".join(lines[1:])


def test_a_changed_record_is_accepted_once_its_checksums_are_deleted(
    program: Program, changed: Path, workspace: Workspace
) -> None:
    """docs/operations.md says so."""
    folder = workspace.study("small")
    folder.checksums.unlink()
    (folder.root / "optuna.journal.checksums").unlink()
    assert json.loads(program("status", changed, "--json")[1])["record"]["problems"] == []
