from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.search import SearchStudy, create_or_continue_study, open_storage
from tests.engine.models.conftest import net, train_own
from tests.engine.search.conftest import simulate

__all__ = ["net", "simulate", "train_own"]


@pytest.fixture
def complete_study(define: Callable[..., StudyDefinition], tmp_path: Path) -> SearchStudy:
    """A study of five trials, four of them complete; the second is the best."""
    storage = open_storage(None, tmp_path / "journal")
    search = create_or_continue_study(define(trials=5), storage, data_checksum="data")
    for value in (0.5, 0.7, 0.65, 0.4):
        search.finish(search.ask(), State.COMPLETE, value)
    return search
