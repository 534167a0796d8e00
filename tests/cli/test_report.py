"""``hpsearch report``."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.workspace import Workspace

Program = Callable[..., tuple[int, str, str]]


def test_a_page_is_written_to_the_given_file_and_opened_on_request(
    program: Program, has_run: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    made_at_the_end = workspace.study("small").report
    assert made_at_the_end.exists()
    out = workspace.root / "page.html"
    assert program("report", has_run, "--out", out) == (0, f"{out}\n", "")
    assert "The best model" in out.read_text()
    assert not opened
    assert program("report", has_run, "--open")[0] == 0
    assert opened == [made_at_the_end.as_uri()]


def test_a_folder_that_is_not_there_is_named(
    program: Program, has_run: Path, tmp_path: Path
) -> None:
    code, _, complaint = program("report", has_run, "--out", tmp_path / "nowhere" / "page.html")
    assert code == 2
    assert complaint.count("\n") == 1
    assert "nowhere/page.html: expected the name of a file in a folder that exists" in complaint
