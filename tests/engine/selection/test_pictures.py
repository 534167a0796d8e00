"""What is drawn of a trial and of the best model, from the folder of a trial alone."""

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hpsearch.datasets import PreparedData, SplitSpec, find_source, open_splits, prepare
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    Checkpoint,
    Epoch,
    FitState,
    save_checkpoint,
    save_history,
)
from hpsearch.report.pictures import (
    CURVES_FILE,
    STEPS_FILE,
    Pictures,
    draw_best_model,
    draw_trial,
    list_pictures,
)
from hpsearch.trainers.two_layer_net import WeightSnapshots, start_snapshots
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.split import make_split
from hpsearch.trainers.two_layer_net.weight_images import snapshot_frame
from tests.engine.models.conftest import SETTING
from tests.engine.selection.drawing_trainer import FRAMES, IMAGE

WEIGHTS_FILE = "weights.png"
EPOCHS = tuple(
    Epoch(
        n,
        0.2 * n,
        0.5,
        0.0,
        {"train_loss": 2.0 / n, "train_accuracy": 0.1 * n},
        {"iteration_loss": (2.0 / n, 1.5 / n)},
    )
    for n in (1, 2, 3)
)
RECORD = TrialRecord(0, State.COMPLETE, 0.5, SETTING, (), None, 1.0, False, None, {}, None, None)
Define = Callable[..., StudyDefinition]


def _make_net() -> dict[str, Any]:
    return make_parameters(64, 5, 10, 0.1, np.random.default_rng(0))


def _save(folder: Path, state: Mapping[str, Any], epochs: tuple[Epoch, ...] = EPOCHS) -> Path:
    save_history(folder / HISTORY_FILE, epochs)
    checkpoint = Checkpoint("identity", (FitState(state, {}),), epochs)
    save_checkpoint(folder / CHECKPOINT_FILE, checkpoint)
    return folder


def _save_net(folder: Path, net: dict[str, Any], snapshots: WeightSnapshots | None = None) -> Path:
    snapshots = snapshots or WeightSnapshots()
    return _save(folder, {"net": net, "memory": {}, "snapshots": vars(snapshots)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trial = tmp_path / "trial"
    trial.mkdir()
    return _save_net(trial, _make_net())


@pytest.fixture
def draw(define: Define, digits: PreparedData) -> Callable[[Path], list[Path]]:
    return lambda folder: draw_trial(define(), RECORD, digits, folder)


def test_a_trial_has_curves_weights_and_losses(
    folder: Path, draw: Callable[[Path], list[Path]]
) -> None:
    paths = draw(folder)
    assert {path.name for path in paths} == {CURVES_FILE, WEIGHTS_FILE, STEPS_FILE}
    for name in (CURVES_FILE, WEIGHTS_FILE):
        with Image.open(folder / name) as picture:
            picture.verify()
    assert (folder / STEPS_FILE).read_text().splitlines() == [
        "iteration,epoch,iteration_loss",
        *("0,1,2", "1,1,1.5", "2,2,1", "3,2,0.75", "4,3,0.666667", "5,3,0.5"),
    ]


def test_metrics_of_steps_that_are_not_measured_at_each_leave_cells_empty(
    folder: Path, draw: Callable[[Path], list[Path]]
) -> None:
    """Some are measured at every other step, some in some epochs only."""
    steps: tuple[dict[str, tuple[float, ...]], ...] = (
        {"iteration_loss": (3.0, 2.0), "gradient_norm": (0.5,)},
        {},
        {"gradient_norm": (0.25, 1e-9)},
    )
    epochs = [Epoch(n, 0.5, 1.0, 0.0, {}, one) for n, one in enumerate(steps, 1)]
    save_history(folder / HISTORY_FILE, epochs)
    draw(folder)
    assert (folder / STEPS_FILE).read_text().splitlines() == [
        "iteration,epoch,iteration_loss,gradient_norm",
        *("0,1,3,0.5", "1,1,2,", "2,3,,0.25", "3,3,,1e-09"),
    ]


def test_pictures_outlive_the_checkpoint_and_are_the_same_when_drawn_again(
    folder: Path, draw: Callable[[Path], list[Path]]
) -> None:
    """`reconcile` draws again, and finds nothing to repair in MLflow."""
    assert list_pictures(folder) == []
    before = {path.name: path.read_bytes() for path in draw(folder)}
    (folder / CHECKPOINT_FILE).unlink()
    assert {path.name: path.read_bytes() for path in draw(folder)} == before
    assert {path.name for path in list_pictures(folder)} == before.keys()


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_without_a_checkpoint_only_the_weights_are_missing(
    content: bytes | None, folder: Path, draw: Callable[[Path], list[Path]]
) -> None:
    (folder / CHECKPOINT_FILE).unlink()
    if content is not None:
        (folder / CHECKPOINT_FILE).write_bytes(content)
    assert {path.name for path in draw(folder)} == {CURVES_FILE, STEPS_FILE}


def test_a_diverged_trial_can_be_drawn(folder: Path, draw: Callable[[Path], list[Path]]) -> None:
    metrics = {"train_loss": float("nan"), "train_accuracy": 0.1}
    last = dataclasses.replace(EPOCHS[-1], metrics=metrics, diverged=True)
    save_history(folder / HISTORY_FILE, [*EPOCHS[:-1], last])
    assert len(draw(folder)) == 3


def test_a_trial_that_failed_before_its_first_epoch_has_no_pictures(
    tmp_path: Path, draw: Callable[[Path], list[Path]]
) -> None:
    assert draw(tmp_path) == []


def _snapshots(digits: PreparedData) -> WeightSnapshots:
    split, net = make_split(digits.schema, open_splits(digits).derived), _make_net()
    return start_snapshots(net, net, split.image_preprocessing)


def test_the_best_net_has_pictures_and_a_strip_if_there_are_snapshots(
    define: Define, digits: PreparedData, folder: Path, tmp_path: Path
) -> None:
    def draw_best() -> Pictures:
        return draw_best_model(define(), RECORD, digits, folder, tmp_path / "pictures")

    assert [path.stem for path in draw_best().files] == ["best_weights", "class_weights"]
    assert draw_best().by_epoch == {}
    _save_net(folder, _make_net(), _snapshots(digits))
    paths = draw_best().files
    assert [path.stem for path in paths] == ["best_weights", "class_weights", "filmstrip"]
    for path in paths:
        assert path.parent == tmp_path / "pictures"
        with Image.open(path) as picture:
            picture.verify()


def test_each_weight_snapshot_has_a_frame(
    define: Define, digits: PreparedData, folder: Path, tmp_path: Path
) -> None:
    snapshots, shape = _snapshots(digits), digits.image_shape
    assert shape is not None
    _save_net(folder, _make_net(), snapshots)
    frames = draw_best_model(define(), RECORD, digits, folder, tmp_path / "p").by_epoch["weights"]
    assert list(frames) == snapshots.epochs.tolist()
    for frame, tiles in zip(frames.values(), snapshots.tiles, strict=True):
        assert np.array_equal(frame, snapshot_frame(tiles, shape))


def test_weights_on_components_are_drawn_as_pixels(
    folder: Path, tmp_path: Path, draw: Callable[[Path], list[Path]], define: Define
) -> None:
    """The same picture as of the net on pixels that computes the same scores."""
    draw(folder)
    with Image.open(folder / WEIGHTS_FILE) as picture:
        expected = np.asarray(picture).astype(int)
    definition = define(trainer={"basis": {"frequencies": 64}})
    source = find_source("digits", folders=[], download_folder=tmp_path)
    preparation = definition.trainer.preparation(definition.search.space)
    sizes = SplitSpec(n_train=100, n_validation=20, n_test=10)
    data = prepare(source, sizes, tmp_path / "data", preparation)
    net = _make_net()
    net["W1"] = open_splits(data).derived["components"].T @ net["W1"]
    rotated = tmp_path / "rotated"
    rotated.mkdir()
    draw_trial(definition, RECORD, data, _save_net(rotated, net))
    with Image.open(rotated / WEIGHTS_FILE) as picture:
        assert np.abs(np.asarray(picture).astype(int) - expected).max() <= 1


@pytest.fixture
def define_own(define: Define) -> Iterator[Define]:
    """Define a study of a class of ``drawing_trainer.py``."""
    folder = str(Path(__file__).parent)
    yield lambda name: define(trainer={"class": f"drawing_trainer:{name}", "folder": folder})
    sys.modules.pop("drawing_trainer", None)


def test_a_trainer_without_figures_has_curves_alone(
    define_own: Define, digits: PreparedData, tmp_path: Path
) -> None:
    definition, silent = define_own("Plain"), (Epoch(1, 0.5, 1.0, 0.0), Epoch(2, 0.6, 1.0, 0.0))
    _save(tmp_path, {"label": 3}, silent)
    paths = draw_trial(definition, RECORD, digits, tmp_path)
    assert [path.name for path in paths] == [CURVES_FILE]
    best = draw_best_model(definition, RECORD, digits, tmp_path, tmp_path / "pictures")
    assert (best.files, best.by_epoch) == ([], {})


def test_figures_that_fail_leave_the_curves_and_the_reason(
    define_own: Define, digits: PreparedData, tmp_path: Path
) -> None:
    _save(tmp_path, {"label": 3})
    paths = draw_trial(define_own("Failing"), RECORD, digits, tmp_path)
    assert {path.name for path in paths} == {CURVES_FILE, STEPS_FILE, "figures_failed.txt"}
    assert "KeyError: 'no such layer'" in (tmp_path / "figures_failed.txt").read_text()
    best = draw_best_model(define_own("Failing"), RECORD, digits, tmp_path, tmp_path / "pictures")
    assert [path.name for path in best.files] == ["figures_failed.txt"]


def test_a_figure_of_any_trainer_is_drawn(
    define_own: Define, digits: PreparedData, tmp_path: Path
) -> None:
    _save(tmp_path, {"label": 3})
    paths = draw_trial(define_own("Drawing"), RECORD, digits, tmp_path)
    assert {path.name for path in paths} == {CURVES_FILE, STEPS_FILE, "title.png"}
    with Image.open(tmp_path / "title.png") as picture:
        assert picture.size == (220, 110)


def test_a_figure_an_image_and_images_by_epoch_are_drawn_of_the_best_model(
    define_own: Define, digits: PreparedData, tmp_path: Path
) -> None:
    _save(tmp_path, {"label": 3})
    pictures = tmp_path / "pictures"
    drawn = draw_best_model(define_own("Drawing"), RECORD, digits, tmp_path, pictures)
    assert [path.name for path in drawn.files] == ["title.png", "image.png"]
    with Image.open(pictures / "image.png") as picture:
        assert np.array_equal(np.asarray(picture), IMAGE + 3)  # of the saved model
    assert list(drawn.by_epoch) == ["growth"]
    assert {path.name for path in pictures.iterdir()} == {"title.png", "image.png"}
    for epoch, frame in drawn.by_epoch["growth"].items():
        assert np.array_equal(frame, FRAMES[epoch])
