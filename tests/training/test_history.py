from pathlib import Path

import pytest

from hpsearch.errors import DamagedDataError
from hpsearch.training import Epoch, HistoryWriter, load_history, save_history


def test_a_history_comes_back_exactly(tmp_path: Path) -> None:
    epochs = (
        Epoch(1, 0.1 + 0.2, 0.1, 1 / 3, 0.01, 1.5, 1e9, (2.4, 2.2)),
        Epoch(2, float("inf"), 0.3, 0.2, 0.009, 1.5, 1e9, (float("inf"),), diverged=True),
    )
    save_history(tmp_path / "h", epochs)
    assert load_history(tmp_path / "h") == epochs


def test_a_history_written_epoch_by_epoch_is_the_one_written_at_once(tmp_path: Path) -> None:
    epochs = tuple(
        Epoch(number, 1 / number, 0.1, 0.2, 0.01, 1.5, 1e9, (2.4, 2.2)) for number in (1, 2, 3)
    )
    writer = HistoryWriter(tmp_path / "grown")
    writer.save(epochs[:2])  # as after a stop
    assert load_history(tmp_path / "grown") == epochs[:2]
    writer.save(epochs, durable=False)
    writer.save(epochs)
    save_history(tmp_path / "whole", epochs)
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "whole").read_bytes()


def test_no_history_is_an_empty_one(tmp_path: Path) -> None:
    assert load_history(tmp_path / "h") == ()


@pytest.mark.parametrize("content", [b"", b"{}x", b"[1]", b'[{"number": 1}]', b"\xff"])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(content)
    with pytest.raises(DamagedDataError, match="expected a history"):
        load_history(tmp_path / "h")
