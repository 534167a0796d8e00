"""A traceback lies in a file that the one line names."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.foundations.tracebacks import catch_background_errors, describe_unexpected

COMMAND = ["hpsearch", "run", "x", "--storage", "postgresql://me:geheim@db/x"]


def _raised(message: str) -> Exception:
    try:
        raise KeyError(message)
    except KeyError as error:
        return error


def _named(line: str) -> Path:
    return Path(line.partition("; the traceback is in ")[2])


def test_the_file_has_the_traceback_the_command_and_versions(tmp_path: Path) -> None:
    line = describe_unexpected(_raised("geheim at http://me:geheim@h\x1b"), tmp_path / "e", COMMAND)
    assert line.startswith("KeyError: ")
    assert "\n" not in line
    assert "\x1b" not in line
    path = _named(line)
    assert path.parent == tmp_path / "e"
    assert path.stat().st_mode & 0o077 == 0
    content = path.read_text()
    for part in ("hpsearch run x", "numpy: ", "python: ", "in _raised", "Traceback"):
        assert part in content
    assert "geheim" not in content


def test_each_error_has_a_file_of_its_own(tmp_path: Path) -> None:
    lines = {describe_unexpected(_raised("x"), tmp_path) for _ in range(3)}
    assert len({_named(line) for line in lines}) == len(list(tmp_path.iterdir())) == 3


def test_if_the_folder_refuses_it_lies_in_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = describe_unexpected(_raised("x"), tmp_path / "file" / "errors")
    assert _named(line).parent == tmp_path
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    line = describe_unexpected(_raised("x"), tmp_path / "file" / "errors")
    assert "could not be written" in line


def test_endless_words_are_cut(tmp_path: Path) -> None:
    assert len(describe_unexpected(_raised("word " * 1000), tmp_path)) < 1000


@pytest.fixture
def hooks() -> Iterator[None]:
    before = threading.excepthook, sys.unraisablehook
    yield
    threading.excepthook, sys.unraisablehook = before


def test_a_thread_that_fails_prints_one_line(
    hooks: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catch_background_errors(tmp_path)

    def fail() -> None:
        raise KeyError("x")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("hpsearch: a background task failed: KeyError")
    assert "in fail" in _named(error.strip()).read_text()
