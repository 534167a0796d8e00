"""Own images: found, dealt the same everywhere, and every bad file told in one line."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpsearch.data import Cut, FolderSettings, ImageFolder, find_image_folder, find_on_this_machine
from hpsearch.data.preparation import prepare
from hpsearch.errors import DamagedDataError, DataError, MissingDataError, UsageError


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


def _open(folder: Path, *folders: Path, n_test: int = 12) -> ImageFolder:
    return find_image_folder(FolderSettings(folder, (6, 6), n_test), folders)


def test_images_come_out_in_the_size_asked_for_in_rgb_with_their_classes(pets: Path) -> None:
    loaded = _open(pets).load()
    assert loaded.class_names == ("cat", "dog")
    assert loaded.train_images.shape == (48, 6, 6, 3)
    assert loaded.test_images.shape == (12, 6, 6, 3)
    assert set(loaded.train_images[loaded.train_labels == 1][..., 1].flat) == {200}
    assert loaded.checksum == _open(pets).checksum


def test_every_stretch_holds_the_classes_in_their_shares(pets: Path) -> None:
    labels = [picture.label for picture in _open(pets).pictures]
    assert all(2 <= sum(labels[i : i + 10]) <= 5 for i in range(0, 60, 10))


def test_the_deal_knows_neither_names_nor_places_of_files(pets: Path, tmp_path: Path) -> None:
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
    train = {image.tobytes() for image in loaded.train_images}
    assert not train & {image.tobytes() for image in loaded.test_images}


def test_a_changed_image_changes_the_checksum(pets: Path) -> None:
    before = _open(pets).checksum
    Image.new("RGB", (10, 8), (1, 2, 3)).save(pets / "cat" / "0.png")
    assert _open(pets).checksum != before


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_pictures_of_any_kind_are_read(pets: Path, mode: str) -> None:
    Image.new(mode, (30, 20)).save(pets / "cat" / "odd.tiff")
    assert len(_open(pets).load().train_images) == 49


def test_hidden_files_are_passed_over(pets: Path) -> None:
    (pets / "cat" / ".DS_Store").write_bytes(b"x")
    (pets / ".thumbnails").mkdir()
    assert len(_open(pets).pictures) == 60


def test_a_file_that_is_no_image_is_named(pets: Path) -> None:
    (pets / "dog" / "notes.txt").write_text("woof")
    with pytest.raises(DamagedDataError, match=r"notes\.txt: expected an image") as caught:
        _open(pets).load()
    assert "\n" not in str(caught.value)


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
    [(40, 60, "data.test = 60 leaves none"), (45, 12, "ask for 50 images, folder has 48")],
)
def test_too_few_images_are_said_to_be_so(
    pets: Path, tmp_path: Path, n_train: int, n_test: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        prepare(
            _open(pets, n_test=n_test),
            Cut(n_train=n_train, n_validation=5, n_test=n_test),
            tmp_path / "data",
        )


def test_a_folder_is_found_by_its_name_where_data_sets_lie(pets: Path, tmp_path: Path) -> None:
    found = _open(Path("/nowhere/pets"), tmp_path)
    assert found.settings.folder == pets
    with pytest.raises(MissingDataError, match=r"found none at /nowhere/pets"):
        _open(Path("/nowhere/pets"))


def test_a_worker_without_the_prepared_data_makes_the_same_of_its_own_images(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = prepare(_open(pets), Cut(n_train=30, n_validation=10, n_test=12), tmp_path / "data")
    shutil.rmtree(data.folder)
    (tmp_path / "worker").mkdir()
    pets.rename(tmp_path / "worker" / "pets")
    blind = dataclasses.replace(data, folder=tmp_path / "gone")
    here = find_on_this_machine(blind, [tmp_path / "worker"])
    here.verify()
    assert here.checksum == data.checksum
    shutil.rmtree(tmp_path / "cache")
    Image.new("RGB", (10, 8), (1, 2, 3)).save(tmp_path / "worker" / "pets" / "cat" / "0.png")
    with pytest.raises(DataError, match="the coordinator's is"):
        find_on_this_machine(blind, [tmp_path / "worker"])
