from pathlib import Path

import pytest

from hpsearch.engine.execution import FileSpareCores


def test_spare_cores_are_read_until_they_are_withdrawn(tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "spare_cores")
    assert spare.count() == 0
    spare.lend(3)
    assert spare.count() == 3
    spare.lend(0)
    assert spare.count() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"-2", b"1.5", b"\xff"])
def test_a_damaged_file_means_no_spare_cores(content: bytes, tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "spare_cores")
    spare.path.write_bytes(content)
    assert spare.count() == 0


def test_a_file_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    spare = FileSpareCores(tmp_path / "missing" / "spare_cores")
    spare.lend(1)
    assert spare.count() == 0
