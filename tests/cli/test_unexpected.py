"""Whatever goes wrong is one line: an error that nobody has foreseen names its traceback."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.cli import main
from hpsearch.engine.workspace import Workspace
from tests.cli.conftest import SCRIPT
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("x"), 1),
        (RuntimeError("many\nlines\nof http://me:geheim@host"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 4),
        (ModuleNotFoundError("No module named 'x'"), 6),
        (MemoryError(), 6),
    ],
)
def test_an_unexpected_error_is_one_line_that_names_the_file_with_its_traceback(
    error: Exception,
    code: int,
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hpsearch.cli.study_list.list_study_files", fail)
    assert main(["list", "--workspace", str(workspace.root)]) == code
    told = capsys.readouterr().err
    assert_one_line(told, type(error).__name__)
    assert "geheim" not in told
    (file,) = workspace.errors.iterdir()
    assert told.endswith(f"; the traceback is in {file}\n")
    content = file.read_text()
    assert "in fail" in content
    assert f"command: hpsearch list --workspace {workspace.root}" in content
    assert "geheim" not in content


def test_without_a_workspace_the_traceback_is_in_the_folder_for_temporary_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.cli.study_list.list_study_files", lambda: 1 / 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["list", "--workspace", str(tmp_path / "none")]) == 1
    assert_one_line(capsys.readouterr().err, "ZeroDivisionError", f"{tmp_path}/hpsearch-error-")
    assert not (tmp_path / "none").exists()


PATHS = [
    ["run", "quickstart", "--workspace", "{}"],
    ["run", "quickstart", "--data-dir", "{}"],
    ["status", "small", "--workspace", "{}"],
    ["list", "--workspace", "{}"],
    ["clean", "--workspace", "{}"],
    ["doctor", "--data-dir", "{}"],
    ["best", "small", "--out", "{}"],
    ["report", "small", "--out", "{}"],
    ["new", "x", "--images", "{}"],
]


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", os.fsdecode(b"caf\xe9")])
@pytest.mark.parametrize("command", PATHS, ids=[f"{c[0]} {c[-2]}" for c in PATHS])
def test_an_invalid_path_exits_with_2(
    command: list[str],
    path: str,
    program: Program,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = list(tmp_path.iterdir())
    arguments = [part.format(path) for part in command]
    if "--workspace" in arguments or command[0] == "new":  # `new` has none
        code = main(arguments)
        output, error = capsys.readouterr()
    else:
        code, output, error = program(*arguments)
    assert (code, output) == (2, "")
    assert_one_line(error, path.replace("\udce9", r"\xe9"), "expected")
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:geheim@127.0.0.1:abc/x", ["port"]),
        ("postgresql://me:ge@heim@127.0.0.1/x", ["%40"]),
        ("postgresql://me:ge heim@127.0.0.1/x", ["%20"]),
        ("mysql://me:geheim@127.0.0.1/x", ["driver is not installed", "MySQLdb"]),
        ("nosuch://me:geheim@127.0.0.1/x", ["no database 'nosuch'"]),
        ("nonsense", ["sqlite:///a.db"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "list", "status"])
def test_an_invalid_storage_exits_with_2(
    command: str, url: str, words: list[str], program: Program, tmp_path: Path
) -> None:
    arguments = {
        "run": ["run", "quickstart", "--storage", url],
        "list": ["list", "--storage", url],
        "status": ["status", "small", "--storage", url],
    }[command]
    code, _, error = program(*arguments)
    assert code == 2
    assert_one_line(error, "--storage", *words)
    assert "heim" not in error


@pytest.mark.parametrize(
    "uri",
    ["http://me:geheim@127.0.0.1:abc", "nonsense", "./mlruns", "foo://x", "http://", "http://a b"],
)
@pytest.mark.parametrize("command", ["run", "doctor", "ui"])
def test_an_invalid_tracking_uri_exits_with_2(command: str, uri: str, program: Program) -> None:
    code, output, error = program(command, "--tracking-uri", uri)
    assert (code, output) == (2, "")
    assert_one_line(error, "--tracking-uri", "expected http://HOST:PORT")
    assert "geheim" not in error


def test_an_invalid_number_of_cores_exits_with_2(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "abc")
    for command in ("run", "doctor"):
        code, _, error = program(command, "quickstart", "--backend", "loky")
        assert code == 2
        if command == "run":
            assert_one_line(error, "LOKY_MAX_CPU_COUNT: expected an integer, got 'abc'")


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_a_study_file_that_is_no_file_exits_with_2(
    kind: str, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe would be waited for, and a device read, for ever."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "studies" / "odd.toml"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    code, _, error = program("run", "odd")
    assert code == 2
    assert_one_line(error, "odd.toml: expected a study file")
    assert program("list")[0] == 0


def test_an_error_while_the_program_is_imported_is_one_line_too(tmp_path: Path) -> None:
    """loky reads this variable when it is imported."""
    environment = {**os.environ, "LOKY_MAX_DEPTH": "abc", "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, SCRIPT, "quickstart", "--workspace", tmp_path / "none"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert run.returncode == 1
    assert_one_line(run.stderr, "ValueError", "'abc'", f"{tmp_path}/hpsearch-error-")


@pytest.mark.slow
def test_libraries_messages_about_invalid_variables_are_suppressed(
    study_file: Path, tmp_path: Path
) -> None:
    """matplotlib raises on an unknown backend, numba prints a traceback as a warning."""
    environment = {**os.environ, "MPLBACKEND": "nonsense", "NUMBA_NUM_THREADS": "abc"}
    run = subprocess.run(
        [sys.executable, SCRIPT, study_file, "--quiet", "--workspace", tmp_path / "workspace"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert list((tmp_path / "workspace").glob("studies/*/trials/*/*.png"))
    assert "MLflow is behind" not in run.stdout


@pytest.mark.parametrize(
    "name",
    [
        "studies/small/optuna.journal",
        "studies/small/record_checksums.jsonl",
        "studies/small/lock",
        "test_evaluations.jsonl",
    ],
)
def test_a_link_in_place_of_a_file_of_the_study_is_not_followed(
    name: str, program: Program, study_file: Path, workspace: Workspace, tmp_path: Path
) -> None:
    target = tmp_path / "of another user"
    target.touch()
    workspace.study("small").create()
    (workspace.root / name).symlink_to(target)
    code, _, error = program("run", study_file, "--backend", "threading", "--quiet")
    assert code == 4
    assert_one_line(error, name, "symbolic link")
    assert target.read_bytes() == b""
