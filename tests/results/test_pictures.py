"""What is drawn of a trial, from its folder alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpsearch.data import Preprocessing
from hpsearch.metrics import ACCURACY
from hpsearch.net import make_parameters
from hpsearch.plots import snapshot_frame
from hpsearch.records import State, TrialRecord
from hpsearch.results import Net
from hpsearch.results.pictures import (
    CURVES_FILE,
    LOSSES_FILE,
    WEIGHTS_FILE,
    make_frames,
    make_net_pictures,
    make_trial_pictures,
)
from hpsearch.training import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    Checkpoint,
    Epoch,
    NetState,
    WeightSnapshots,
    save_checkpoint,
    save_history,
    start_snapshots,
)

EPOCHS = tuple(
    Epoch(n, 2.0 / n, 0.1 * n, 0.2 * n, 0.1, 0.5, 0.0, (2.0 / n, 1.5 / n)) for n in (1, 2, 3)
)
SHAPE = (4, 4, 3)
RECORD = TrialRecord(0, State.COMPLETE, 0.5, {}, (), None, 1.0, False, None, {}, None, None)
PIXELS = Preprocessing(np.zeros(48, np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    net = make_parameters(48, 5, 3, 0.1, np.random.default_rng(0))
    save_history(tmp_path / HISTORY_FILE, EPOCHS)
    save_checkpoint(
        tmp_path / CHECKPOINT_FILE, Checkpoint("identity", (NetState(net, {}),), EPOCHS)
    )
    return tmp_path


def test_a_trial_has_curves_weights_and_losses(folder: Path) -> None:
    paths = make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)
    assert {path.name for path in paths} == {CURVES_FILE, WEIGHTS_FILE, LOSSES_FILE}
    for name in (CURVES_FILE, WEIGHTS_FILE):
        with Image.open(folder / name) as picture:
            picture.verify()
    assert (folder / LOSSES_FILE).read_text().splitlines() == [
        "iteration,epoch,train_loss",
        *("0,1,2", "1,1,1.5", "2,2,1", "3,2,0.75", "4,3,0.666667", "5,3,0.5"),
    ]


def test_what_is_drawn_is_not_drawn_again_and_outlives_the_checkpoint(folder: Path) -> None:
    make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / CHECKPOINT_FILE).unlink()
    assert len(make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)) == 3
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert after == {name: ns for name, ns in before.items() if name != CHECKPOINT_FILE}


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_without_a_checkpoint_only_the_weights_are_missing(
    content: bytes | None, folder: Path
) -> None:
    (folder / CHECKPOINT_FILE).unlink()
    if content is not None:
        (folder / CHECKPOINT_FILE).write_bytes(content)
    paths = make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)
    assert {path.name for path in paths} == {CURVES_FILE, LOSSES_FILE}


def test_a_diverged_trial_can_be_drawn(folder: Path) -> None:
    last = dataclasses.replace(EPOCHS[-1], train_loss=float("nan"), diverged=True)
    save_history(folder / HISTORY_FILE, [*EPOCHS[:-1], last])
    assert len(make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)) == 3


def test_a_trial_that_failed_before_its_first_epoch_has_no_pictures(tmp_path: Path) -> None:
    assert make_trial_pictures(tmp_path, "trial 0", ACCURACY, PIXELS, SHAPE) == []


def test_the_best_net_has_pictures_and_a_strip_if_there_are_snapshots(
    net: Net, tmp_path: Path
) -> None:
    snapshots = start_snapshots(net.parameters, net.parameters, net.preprocessing)
    paths = make_net_pictures(net, snapshots, tmp_path / "pictures")
    assert [p.stem for p in paths] == ["best_weights", "class_weights", "filmstrip"]
    for path in paths:
        with Image.open(path) as picture:
            picture.verify()
    assert len(make_net_pictures(net, WeightSnapshots(), tmp_path / "pictures")) == 2


def test_each_weight_snapshot_has_a_frame(net: Net) -> None:
    snapshots = start_snapshots(net.parameters, net.parameters, net.preprocessing)
    frames = make_frames(snapshots, net.image_shape)
    assert list(frames) == snapshots.epochs.tolist()
    for frame, tiles in zip(frames.values(), snapshots.tiles, strict=True):
        assert np.array_equal(frame, snapshot_frame(tiles, net.image_shape))
    assert not make_frames(WeightSnapshots(), net.image_shape)


def test_weights_on_components_are_drawn_as_pixels(folder: Path, tmp_path: Path) -> None:
    """The same picture as of the net on pixels that computes the same scores."""
    make_trial_pictures(folder, "trial 0", ACCURACY, PIXELS, SHAPE)
    with Image.open(folder / WEIGHTS_FILE) as picture:
        expected = np.asarray(picture).astype(int)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((48, 48)))[0]
    components = rotation.astype(np.float32)
    net = make_parameters(48, 5, 3, 0.1, np.random.default_rng(0))
    net["W1"] = components.T @ net["W1"]
    rotated = tmp_path / "rotated"
    rotated.mkdir()
    save_history(rotated / HISTORY_FILE, EPOCHS)
    save_checkpoint(rotated / CHECKPOINT_FILE, Checkpoint("identity", (NetState(net, {}),), EPOCHS))
    preprocessing = Preprocessing(PIXELS.mean_image, components)
    make_trial_pictures(rotated, "trial 0", ACCURACY, preprocessing, SHAPE)
    with Image.open(rotated / WEIGHTS_FILE) as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected).max() <= 1
