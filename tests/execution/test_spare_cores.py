from pathlib import Path

import pytest

from hpsearch.execution import FileSpareCores


def test_what_is_lent_is_read_until_it_is_taken_back(tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "spare_cores")
    assert spare.count() == 0
    spare.lend(3)
    assert spare.count() == 3
    spare.lend(0)
    assert spare.count() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"-2", b"1.5", b"\xff"])
def test_a_damaged_file_lends_nothing(content: bytes, tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "spare_cores")
    spare.path.write_bytes(content)
    assert spare.count() == 0


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "missing" / "spare_cores")
    spare.lend(1)
    assert spare.count() == 0
