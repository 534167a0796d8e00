"""What has run and what there is to run, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.workspace import Workspace

Program = Callable[..., tuple[int, str, str]]


def test_an_empty_workspace_lists_only_study_files(
    program: Program,
) -> None:
    code, output, _ = program("list")
    assert code == 0
    (line,) = (line for line in output.splitlines() if line.startswith("quickstart "))
    assert line.split()[1:3] == ["not", "started"]


def test_a_study_is_listed_with_its_state_and_scores(program: Program, has_run: Path) -> None:
    status = json.loads(program("status", has_run, "--json")[1])
    output = program("list")[1]
    (line,) = (line for line in output.splitlines() if line.strip().startswith("small"))
    assert line.split()[1:3] == ["complete", "6/6"]
    assert f"{status['best']['value']:.4f}" in line
    assert f"{status['test']['looks'][0]['accuracy']:.4f}" in line
    listed = json.loads(program("list", "--json")[1])
    # Only `status` compares the record with its checksums.
    assert listed["studies"] == [status | {"record": None}]
    assert {"quickstart", "cifar10"} <= {file["name"] for file in listed["files"]}


def test_a_study_that_has_run_is_listed_once(
    program: Program, has_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    has_run.rename(tmp_path / "studies" / "small.toml")
    lines = program("list")[1].splitlines()
    assert [line.split()[1] for line in lines if line.startswith("small")] == ["complete"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_terminal_gets_fewer_columns(
    width: int, program: Program, has_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    output = program("list")[1]
    assert "…" not in output
    assert max(map(len, output.splitlines())) <= width
    assert ("description" in output) is (width == 120)


def test_an_unreadable_study_does_not_hide_the_others(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    damaged = workspace.study("damaged")
    damaged.create()
    damaged.journal.write_text("no journal\n")
    good, bad = sorted(
        json.loads(program("list", "--json")[1])["studies"], key=lambda one: str(one["state"])
    )
    assert good["study"] == "small"
    assert bad["state"] == "unreadable"
    assert "expected a readable journal" in bad["reason"]
    output = program("list")[1]
    assert "unreadable" in output
    assert bad["reason"] in output


def test_a_study_is_found_by_its_name_even_if_its_file_has_changed(
    program: Program, has_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "small.toml").write_text("no = [toml")
    assert program("status", "small")[0] == 0
    (study,) = json.loads(program("list", "--json")[1])["studies"]
    assert study["state"] == "complete"


def test_studies_on_a_server_are_listed(program: Program, has_run: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert program("copy", "small", "--to-storage", url)[0] == 0
    (study,) = json.loads(program("list", "--json", "--storage", url)[1])["studies"]
    assert study["study"] == "small"
    assert study["state"] == "complete"
