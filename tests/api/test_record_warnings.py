"""What a run says of a record before it goes on with it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.scheduling import RunOptions, open_session
from hpsearch.engine.scheduling.record_warnings import list_warnings
from hpsearch.engine.workspace import Workspace

Define = Callable[..., StudyDefinition]


@pytest.fixture
def shared(tmp_path: Path, workspace: Workspace) -> RunOptions:
    return RunOptions(workspace, storage_url=f"sqlite:///{tmp_path / 'shared.db'}")


def test_a_study_continued_elsewhere_names_the_workspace_that_has_its_files(
    define: Define, shared: RunOptions, tmp_path: Path
) -> None:
    with open_session(define(), shared) as session:
        assert list(list_warnings(session)) == []
        session.search.finish(session.search.ask(), State.COMPLETE, 0.5)
        session.folder.trial(0).mkdir(parents=True)
    other = RunOptions(Workspace(tmp_path / "other"), storage_url=shared.storage_url)
    with open_session(define(), other) as session:
        (line,) = list_warnings(session)
        assert f"{shared.workspace.root} on " in line
        assert "trials (first 0) are not in this workspace" in line


def test_a_workspace_that_was_moved_has_its_files(
    define: Define, shared: RunOptions, tmp_path: Path
) -> None:
    with open_session(define(), shared) as session:
        session.search.finish(session.search.ask(), State.COMPLETE, 0.5)
        session.folder.trial(0).mkdir(parents=True)
    moved = Workspace(tmp_path / "moved")
    shutil.move(shared.workspace.root, moved.root)
    with open_session(define(), RunOptions(moved, storage_url=shared.storage_url)) as session:
        assert list(list_warnings(session)) == []
