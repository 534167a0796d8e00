import math
from pathlib import Path

import pytest

from hpsearch.engine.trial_files import Epoch, HistoryWriter, load_history, save_history
from hpsearch.foundations.errors import DamagedDataError

LOSSES = {"iteration_loss": (2.4, 2.2)}


def _epoch(number: int) -> Epoch:
    metrics = {"train_loss": 1 / number, "train_accuracy": 0.1, "learning_rate": 0.01}
    return Epoch(number, 0.2, 1.5, 1e9, metrics, LOSSES, val_others={"top_5": 1 / 3})


def test_a_history_comes_back_exactly(tmp_path: Path) -> None:
    epochs = (
        Epoch(1, 1 / 3, 1.5, 1e9, {"train_loss": 0.1 + 0.2}, LOSSES),
        Epoch(
            2,
            0.2,
            1.5,
            1e9,
            {"train_loss": float("inf"), "learning_rate": 0.009},
            {"iteration_loss": (float("inf"),)},
            diverged=True,
        ),
        Epoch(3, 0.2, 1.5, 1e9, val_others={"mean_absolute_error": 0.5}),
    )
    save_history(tmp_path / "h", epochs)
    assert load_history(tmp_path / "h") == epochs


def test_a_score_that_is_nan_comes_back(tmp_path: Path) -> None:
    """Of a model that there are no validation examples for."""
    save_history(tmp_path / "h", [Epoch(1, math.nan, 1.5, 1e9)])
    (epoch,) = load_history(tmp_path / "h")
    assert math.isnan(epoch.val_score)


def test_a_metric_that_was_not_measured_is_nan() -> None:
    epoch = _epoch(1)
    assert epoch.measured("learning_rate") == 0.01
    assert math.isnan(epoch.measured("gradient_norm"))
    assert epoch.step_losses == (2.4, 2.2)
    assert Epoch(1, 0.5, 1.0, 0.0).step_losses == ()


def test_a_history_written_epoch_by_epoch_is_the_one_written_at_once(tmp_path: Path) -> None:
    epochs = tuple(_epoch(number) for number in (1, 2, 3))
    writer = HistoryWriter(tmp_path / "grown")
    writer.save(epochs[:2])  # as after a stop
    assert load_history(tmp_path / "grown") == epochs[:2]
    writer.save(epochs, durable=False)
    writer.save(epochs)
    save_history(tmp_path / "whole", epochs)
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "whole").read_bytes()


def test_no_history_is_an_empty_one(tmp_path: Path) -> None:
    assert load_history(tmp_path / "h") == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}x", b"[1]", b'[{"number": 1}]', b"\xff", b'[{"number": 1, "step_metrics": {}}]'],
)
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(content)
    with pytest.raises(DamagedDataError, match="expected a history"):
        load_history(tmp_path / "h")
