"""Own images: found, split the same everywhere, and every bad file reported by its path."""

import dataclasses
import re
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from hpsearch.datasets import (
    NO_PREPARATION,
    TEST_FILE,
    FolderSettings,
    ImageFolder,
    SplitSpec,
    find_image_folder,
    find_on_this_machine,
    open_splits,
    prepare,
)
from hpsearch.datasets.sides import is_test_key
from hpsearch.foundations.errors import DamagedDataError, DataError, MissingDataError, UsageError
from hpsearch.foundations.hashing import hash_arrays


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Forty cats and twenty dogs, each of one colour of its own."""
    for name, n in (("cat", 40), ("dog", 20)):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (10, 8), (4 * i, 200 if name == "dog" else 0, 7)).save(
                folder / f"{i}.png"
            )
    return tmp_path / "pets"


def _open(folder: Path, *folders: Path, group: Literal["folder"] | None = None) -> ImageFolder:
    return find_image_folder(FolderSettings(folder, (6, 6), group), folders)


def _rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_images_come_out_in_the_size_asked_for_in_rgb_with_their_classes(pets: Path) -> None:
    loaded = _open(pets).load()
    assert loaded.class_names == ("cat", "dog")
    assert loaded.train_images.shape[1:] == loaded.test_images.shape[1:] == (6, 6, 3)
    assert len(loaded.train_images) + len(loaded.test_images) == 60
    assert set(loaded.train_images[loaded.train_labels == 1][..., 1].flat) == {200}
    assert loaded.checksum == _open(pets).checksum


def test_every_split_holds_the_classes_in_their_shares(pets: Path, tmp_path: Path) -> None:
    for seed in (None, 1):
        split_spec = SplitSpec(n_train=30, n_validation=12, shuffle_seed=seed, stratify=True)
        split = open_splits(prepare(_open(pets), split_spec, tmp_path / "data"))
        assert abs(np.sum(split.validation_targets) - 12 / 3) <= 1
        assert abs(np.sum(split.train_targets) - 30 / 3) <= 2


def test_splits_depend_on_neither_names_nor_locations_of_files(pets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for index, path in enumerate(sorted(pets.rglob("*.png"), reverse=True)):
        (other / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, other / path.parent.name / f"x{index}.png")
    there, here = _open(other).load(), _open(pets).load()
    assert there.checksum == here.checksum
    assert np.array_equal(there.train_images, here.train_images)
    assert np.array_equal(there.test_images, here.test_images)


def test_no_image_is_in_two_splits(pets: Path) -> None:
    loaded = _open(pets).load()
    assert not _rows(loaded.train_images) & _rows(loaded.test_images)


@pytest.mark.parametrize("seed", [None, 1])
def test_copies_of_an_image_stay_in_one_split_in_whatever_format(
    pets: Path, tmp_path: Path, seed: int | None
) -> None:
    for path in pets.rglob("*.png"):
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))
            image.convert("RGBA").save(path.with_suffix(".tiff"))
    source = _open(pets)
    splits = [source.load().test_images]
    split_spec = SplitSpec(n_train=80, n_validation=30, shuffle_seed=seed, stratify=True)
    split = open_splits(prepare(source, split_spec, tmp_path / "data"))
    splits += [split.train, split.validation]
    assert [len(rows) for rows in splits[1:]] == [80, 30]
    rows = [_rows(split) for split in splits]
    assert not rows[0] & rows[1] | rows[0] & rows[2] | rows[1] & rows[2]


def test_a_test_image_stays_one_when_images_are_added_or_fewer_are_tested_on(
    pets: Path, tmp_path: Path
) -> None:
    before = _open(pets).load()
    for i in range(40):
        Image.new("RGB", (10, 8), (4 * i, 100, 7)).save(pets / "cat" / f"new{i}.png")
    source = _open(pets)
    after = source.load()
    assert _rows(before.test_images) < _rows(after.test_images)
    assert _rows(before.train_images) < _rows(after.train_images)
    split_spec = SplitSpec(n_train=60, n_validation=10, n_test=3, stratify=True)
    prepared = prepare(source, split_spec, tmp_path / "data")
    split = open_splits(prepared)
    searched = _rows(split.train) | _rows(split.validation)
    assert not searched & (_rows(before.test_images) | _rows(after.test_images))
    with np.load(prepared.folder / TEST_FILE) as test:
        assert len(test["inputs"]) == 3
        assert _rows(test["inputs"]) <= _rows(after.test_images)


def test_images_of_one_group_stay_in_one_split(tmp_path: Path) -> None:
    """The same person under two classes is one group."""
    for i in range(300):
        folder = tmp_path / "moles" / ("benign" if i % 3 else "malignant") / f"patient {i // 10}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6), (i % 200, i // 200, i // 10)).save(folder / f"{i}.png")
    source = _open(tmp_path / "moles", group="folder")
    split_spec = SplitSpec(n_train=150, n_validation=40, stratify=True)
    split = open_splits(prepare(source, split_spec, tmp_path / "data"))
    rows = (split.train, split.validation, source.load().test_images.reshape(-1, 108))
    patients = [set(images[:, 2].tolist()) for images in rows]
    assert not patients[0] & patients[1] | patients[0] & patients[2] | patients[1] & patients[2]
    assert min(map(len, patients)) > 2
    assert source.checksum != _open(tmp_path / "moles").checksum


def test_a_changed_image_changes_the_checksum(pets: Path) -> None:
    before = _open(pets).checksum
    Image.new("RGB", (10, 8), (1, 2, 3)).save(pets / "cat" / "0.png")
    assert _open(pets).checksum != before


def test_a_file_that_is_no_image_is_named(pets: Path) -> None:
    (pets / "dog" / "notes.txt").write_text("woof")
    with pytest.raises(DamagedDataError, match=r"notes\.txt: expected an image") as caught:
        _open(pets).load()
    assert "\n" not in str(caught.value)
    assert " at 0x" not in str(caught.value)


def test_all_unreadable_files_are_named_at_once(pets: Path) -> None:
    (pets / "dog" / "notes.txt").write_text("woof")
    (pets / "cat" / "empty.png").touch()
    with pytest.raises(DamagedDataError, match=r"cat/empty\.png.*dog/notes\.txt"):
        _open(pets).load()


def test_half_an_image_is_named(pets: Path) -> None:
    path = pets / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DamagedDataError, match=r"0\.png: expected an image"):
        _open(pets).load()


def test_an_empty_class_is_named(pets: Path) -> None:
    (pets / "bird").mkdir()
    with pytest.raises(DamagedDataError, match="bird: expected images of this class, found none"):
        _ = _open(pets).checksum


def test_one_class_is_too_few(pets: Path) -> None:
    shutil.rmtree(pets / "dog")
    with pytest.raises(DamagedDataError, match="at least two classes, found cat"):
        _ = _open(pets).checksum


@pytest.mark.parametrize(
    ("n_train", "n_test", "words"),
    [(30, 30, "data.test = 30 asks for more"), (50, 2, "folder has 5[0-9] for the two, besides")],
)
def test_too_few_images_are_refused(
    pets: Path, tmp_path: Path, n_train: int, n_test: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        prepare(
            _open(pets),
            SplitSpec(n_train=n_train, n_validation=5, n_test=n_test),
            tmp_path / "data",
        )


def test_a_folder_is_found_by_its_name_among_the_data_sets(pets: Path, tmp_path: Path) -> None:
    found = _open(Path("/nowhere/pets"), tmp_path)
    assert found.settings.folder == pets
    with pytest.raises(MissingDataError, match=r"found none at /nowhere/pets"):
        _open(Path("/nowhere/pets"))


def test_a_worker_without_the_prepared_data_prepares_the_same_from_its_own_images(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = prepare(
        _open(pets),
        SplitSpec(n_train=30, n_validation=10, n_test=5, stratify=True),
        tmp_path / "data",
    )
    shutil.rmtree(data.folder)
    (tmp_path / "worker").mkdir()
    pets.rename(tmp_path / "worker" / "pets")
    blind = dataclasses.replace(data, folder=tmp_path / "gone")
    here = find_on_this_machine(blind, [tmp_path / "worker"], NO_PREPARATION)
    here.verify()
    assert here.checksum == data.checksum
    shutil.rmtree(tmp_path / "cache")
    Image.new("RGB", (10, 8), (1, 2, 3)).save(tmp_path / "worker" / "pets" / "cat" / "0.png")
    with pytest.raises(DataError, match="the coordinator's is"):
        find_on_this_machine(blind, [tmp_path / "worker"], NO_PREPARATION)


def test_images_under_two_classes_are_left_out_and_reported(pets: Path, tmp_path: Path) -> None:
    with Image.open(pets / "cat" / "3.png") as image:
        image.save(pets / "dog" / "oops.bmp")
        shown = np.asarray(image)[0, 0]
    source = _open(pets)
    loaded = source.load()
    assert len(loaded.train_images) + len(loaded.test_images) == 59
    for images in (loaded.train_images, loaded.test_images):
        assert not (images == shown).all(axis=(1, 2, 3)).any()
    prepared = prepare(
        source, SplitSpec(n_train=30, n_validation=10, stratify=True), tmp_path / "data"
    )
    for notices in (loaded.notices, prepared.notices):
        assert len(notices) == 1
        assert "2 files are left out" in notices[0]
        assert "cat/3.png = dog/oops.bmp" in notices[0]


def test_given_splits_are_used_and_copies_of_test_images_are_not_trained_on(
    pets: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    for folder in ("test", "val"):
        for name in ("cat", "dog"):
            (whole / folder / name).mkdir(parents=True)
            for i in range(5):
                (pets / name / f"{i if folder == 'test' else i + 10}.png").rename(
                    whole / folder / name / f"{i}.png"
                )
    pets.rename(whole / "train")
    shutil.copy(whole / "test" / "cat" / "0.png", whole / "train" / "cat" / "again.png")
    shutil.copy(whole / "val" / "cat" / "0.png", whole / "train" / "cat" / "again2.png")
    source = _open(whole)
    loaded = source.load()
    assert len(loaded.test_images) == 10
    assert _rows(loaded.test_images).isdisjoint(_rows(loaded.train_images))
    assert "2 files of train or validation are left out" in loaded.notices[0]
    split = open_splits(prepare(source, SplitSpec(40, 10, stratify=True), tmp_path / "data"))
    assert set(split.validation[:, 0].tolist()) == {4 * i for i in range(10, 15)}
    with pytest.raises(UsageError, match=r"data\.validation = 11"):
        prepare(source, SplitSpec(30, 11, stratify=True), tmp_path / "data")


def test_all_findings_about_a_folder_are_reported(pets: Path) -> None:
    shutil.copy(pets / "cat" / "1.png", pets / "cat" / "copy.png")
    Image.new("RGBA", (400, 300)).save(pets / "dog" / "clear.png")
    frames = [Image.new("L", (3, 3), shade) for shade in (30, 60)]
    frames[0].save(pets / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    (pets / "cat" / "Thumbs.db").touch()
    (pets / "dog" / "gone.png").symlink_to("nowhere")
    (pets / "dog" / "caf\udce9.png").write_bytes(b"x")
    remarks = list(_open(pets).contents.remarks())
    told = "\n".join(remark.text for remark in remarks)
    n_tested = len(_open(pets).contents.sides.test)
    assert "63 images of 2 classes: 42 cat (" in told
    assert sum(map(int, re.findall(r"\((\d+) for the test\)", told))) == n_tested
    for words in (
        "sizes in pixels, width x height: 3 x 3 to 400 x 300, median 10 x 8",
        "left out, system files or folders: 1 (cat/Thumbs.db)",
        "left out, broken links: 1 (dog/gone.png)",
        "copies with identical pixels, which stay in one split: 1 (cat/1.png = cat/copy.png)",
        "of animations and pages the first is used: 1 (cat/moving.gif)",
        "dog/caf\\udce9.png: expected an image, Pillow knows no such format",
    ):
        assert words in told
    assert [remark.is_fatal for remark in remarks].count(True) == 1
    assert all(remark.text.isprintable() for remark in remarks)


def test_a_class_without_test_images_is_reported(tmp_path: Path) -> None:
    contents = {True: "tested", False: "searched"}
    for i in range(40):
        image = Image.new("RGB", (4, 4), (i, 0, 0))
        is_tested = is_test_key(f"pixels {hash_arrays({'pixels': np.asarray(image)})}")
        folder = tmp_path / contents[is_tested]
        folder.mkdir(exist_ok=True)
        image.save(folder / f"{i}.png")
    told = [remark.text for remark in _open(tmp_path).contents.remarks()]
    assert "no image for training and validation: tested" in told
    assert "no image for the test: searched" in told
