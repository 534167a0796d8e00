"""Running small studies through the real coordinator."""

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.api.run import run_study
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.scheduling import Event, RunOptions
from hpsearch.engine.search import SearchStudy, load_study, open_storage
from hpsearch.engine.workspace import Workspace


class DisabledPublisher:
    """Writes nothing to MLflow: the real publisher has its own tests, and costs seconds a study."""

    failure = None
    address = None

    def __init__(self, *_: Any) -> None:
        pass

    def ignore(self, *_: Any, **__: Any) -> None:
        pass

    warm_up = show_running = show_ended = draw_ahead = show_study = catch_up = ignore

    def close(self, *_: Any, **__: Any) -> bool:
        return True


@pytest.fixture
def conduct(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Event]]:
    """Run a study to its end, or until `stop_at` says so of an event."""

    def run(
        definition: StudyDefinition,
        *,
        stop_at: Callable[[Event], bool] = lambda event: False,
        shown: bool = False,
        **options: Any,
    ) -> list[Event]:
        stop = threading.Event()
        if not shown:
            monkeypatch.setattr("hpsearch.api.run.MlflowPublisher", DisabledPublisher)
        settings = {"workspace": workspace, "n_jobs": 2, "backend": "threading"} | options

        def watched() -> Iterator[Event]:
            for event in run_study(definition, RunOptions(**settings), stop):
                if stop_at(event):
                    stop.set()
                yield event

        return list(watched())

    return run


@pytest.fixture
def fresh(tmp_path: Path, migrated_mlflow: Path) -> Callable[[], Workspace]:
    """Make one empty workspace after another."""
    numbers = itertools.count()

    def make() -> Workspace:
        root = tmp_path / f"fresh-{next(numbers)}"
        root.mkdir()
        shutil.copy(migrated_mlflow, root / "mlflow.db")
        return Workspace(root)

    return make


@pytest.fixture
def recorded() -> Callable[..., SearchStudy]:
    """The study as recorded in a workspace."""

    def read(workspace: Workspace, name: str = "small") -> SearchStudy:
        return load_study(name, open_storage(None, workspace.study(name).journal))

    return read
