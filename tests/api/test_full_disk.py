"""A disk that fills up, for real: a small file system of its own, with less and less room."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hpsearch.cli import main
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.scheduling import Event, StudyEnded
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import StoreError
from tests.cli.conftest import SCRIPT
from tests.cli.lines import assert_one_line


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path, free: int) -> Path:
    """Leave so many bytes."""
    ballast, room = disk / "ballast", os.statvfs(disk)
    ballast.write_bytes(bytes(room.f_bavail * room.f_frsize - free))
    return ballast


def test_a_disk_that_may_not_be_written_exits_with_4(
    study_file_on: Callable[[Path], Path], small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read-only for root too."""
    study_file = study_file_on(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert main(["run", str(study_file), "--workspace", str(small_disk / "workspace")]) == 4
    output, error = capsys.readouterr()
    assert output == ""
    assert_one_line(error, "Read-only file system", "--workspace")


def test_a_full_disk_exits_with_4(
    study_file_on: Callable[[Path], Path], small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study_file = study_file_on(small_disk)
    _fill(small_disk, 0)
    arguments = ["--workspace", str(small_disk / "workspace"), "--quiet"]
    assert main(["run", str(study_file), *arguments]) == 4
    output, error = capsys.readouterr()
    assert output == ""
    assert_one_line(error, "No space left on device")


@pytest.fixture
def study_file_on() -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "small.toml"
        path.write_text((Path(__file__).parents[2] / "studies" / "quickstart.toml").read_text())
        return path

    return write


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_disk_full_at_any_write_stops_the_study_and_changes_no_result(
    backend: str,
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    workspace: Workspace,
    small_disk: Path,
) -> None:
    calm = conduct(define(trials=6))[-1]
    assert isinstance(calm, StudyEnded)
    stopped = []
    for free_kb in (4, 12, 20, 28, 40, 52, 84, 132):
        disturbed = Workspace(small_disk / f"workspace-{free_kb}")
        disturbed.root.mkdir()
        disturbed.data.symlink_to(workspace.data)
        ballast = _fill(small_disk, free_kb * 1024)
        reason = ""
        try:
            conduct(define(trials=6), workspace=disturbed, backend=backend)
        except StoreError as error:
            reason = str(error)
        ballast.unlink()
        if reason:
            assert "\n" not in reason
            assert "No space left on device" in reason
            stopped.append(free_kb)
        events = conduct(define(trials=6), workspace=disturbed, backend=backend)
        assert isinstance(events[-1], StudyEnded)
        assert events[-1].is_complete
        records = recorded(disturbed).records()
        assert State.FAILED not in {record.state for record in records}
        assert fingerprint(records) == fingerprint(calm.records), f"{free_kb} KB free"
    assert len(stopped) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("free_kb", [64, 300, 1000])
def test_a_full_disk_is_reported_in_one_line(
    free_kb: int, study_file_on: Callable[[Path], Path], small_disk: Path, tmp_path: Path
) -> None:
    """Of workers, of the process that draws and of MLflow there is not a word on the terminal."""
    study_file = study_file_on(tmp_path)
    _fill(small_disk, free_kb * 1024)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HPSEARCH_")}
    arguments = ["--trials", "2", "--jobs", "2", "--quiet"]
    run = subprocess.run(
        [sys.executable, SCRIPT, study_file, *arguments, "--workspace", small_disk / "workspace"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=250,
    )
    assert "Traceback" not in run.stdout + run.stderr
    if run.returncode:
        assert run.returncode == 4
        assert_one_line(run.stderr, "No space left on device")
    else:  # all that is lacking is a view of the record
        assert run.stderr == ""
        assert "No space left on device" in run.stdout
