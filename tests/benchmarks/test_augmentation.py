from pathlib import Path

import pytest

from benchmarks import augmentation
from benchmarks.images import open_split
from hpsearch.datasets import PreparedData, SplitSpec, find_source, prepare
from tests.conftest import PIXELS, TWO_LAYER_NET


@pytest.fixture
def digits_as_images(tmp_path: Path) -> PreparedData:
    source = find_source("digits", folders=[], download_folder=tmp_path)
    preparation = TWO_LAYER_NET.preparation(PIXELS | {"is_augmentable": True})
    return prepare(source, SplitSpec(600, 150, 100), tmp_path, preparation)


def test_each_augmentation_is_timed_against_a_step(
    digits_as_images: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        augmentation, "SETTING", augmentation.SETTING.model_copy(update={"hidden_size": 8})
    )
    split = open_split(digits_as_images).with_inputs(augmentation.SETTING.inputs)
    report = augmentation.measure({"pixels": split}, {"n_rounds": 1, "n_calls": 1}, tmp_path)
    (row,) = report.rows
    assert row[0] == "pixels"
    assert all(float(cell) > 0 for cell in row[2:-1])
    report.write(augmentation.draw(report))
    assert (tmp_path / "augmentation.png").exists()
