"""A study file written from a definition."""

from pathlib import Path

import pytest

from hpsearch.engine.definition import format_definition, list_study_files, load_definition


@pytest.mark.parametrize("path", list_study_files().values(), ids=lambda path: path.stem)
def test_a_written_study_file_loads_as_the_same_definition(path: Path, tmp_path: Path) -> None:
    definition = load_definition(path)
    written = tmp_path / "written.toml"
    written.write_text(format_definition(definition))
    assert load_definition(written) == definition
