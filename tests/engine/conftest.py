"""A study's record, without a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.search import SearchStudy, create_or_continue_study, open_storage


@pytest.fixture
def open_study(tmp_path: Path) -> Callable[..., SearchStudy]:
    def make(definition: StudyDefinition, data_checksum: str = "data") -> SearchStudy:
        storage = open_storage(None, tmp_path / "journal")
        return create_or_continue_study(definition, storage, data_checksum=data_checksum)

    return make
