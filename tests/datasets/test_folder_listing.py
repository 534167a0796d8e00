"""What is a picture of which class, what is a split, and what is left out and why."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from hpsearch.datasets.folder_listing import Listing, list_files
from hpsearch.foundations.errors import DamagedDataError


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _left_out(listing: Listing, root: Path) -> dict[str, str]:
    return {str(one.path.relative_to(root)): one.reason for one in listing.left_out}


def _names(listing: Listing, root: Path) -> list[str]:
    return sorted(str(found.path.relative_to(root)) for found in listing.files)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _touch(tmp_path / "pets", "cat/1.png", "cat/kittens/2.png", "dog/1.png")
    return tmp_path / "pets"


def test_files_belong_to_the_class_whose_folder_they_are_in_at_any_depth(root: Path) -> None:
    listing = list_files(root)
    assert listing.class_names == ("cat", "dog")
    assert _names(listing, root) == ["cat/1.png", "cat/kittens/2.png", "dog/1.png"]
    assert {found.group for found in listing.files} == {None, "kittens"}
    assert not listing.left_out


@pytest.mark.parametrize(
    "name", ["Thumbs.db", "THUMBS.DB", "desktop.ini", "__MACOSX/1.png", "@eaDir/1.png"]
)
@pytest.mark.parametrize("place", ["cat", "dog/deep/er", "."])
def test_system_files_and_folders_are_left_out_at_any_depth(
    root: Path, name: str, place: str
) -> None:
    n = len(list_files(root).files)
    _touch(root, f"{place}/{name}")
    listing = list_files(root)
    assert len(listing.files) == n
    assert [one.reason for one in listing.left_out] == ["system files or folders"]


@pytest.mark.parametrize(
    "name", [".DS_Store", "cat/.hidden/1.png", "dog/a/.b/c/1.png", ".git/1.png"]
)
def test_hidden_files_and_folders_are_left_out_at_any_depth(root: Path, name: str) -> None:
    _touch(root, name)
    listing = list_files(root)
    assert len(listing.files) == 3
    assert [one.reason for one in listing.left_out] == ["hidden files or folders"]


def test_files_beside_the_classes_are_left_out(root: Path) -> None:
    _touch(root, "README.txt", "0.png")
    reasons = _left_out(list_files(root), root)
    assert reasons == dict.fromkeys(("README.txt", "0.png"), "files beside the class folders")


def test_linked_folders_are_followed_once(root: Path, tmp_path: Path) -> None:
    _touch(tmp_path / "elsewhere", "cats/3.png", "birds/1.png")
    (root / "cat" / "more").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "cat" / "more again").symlink_to(tmp_path / "elsewhere" / "cats")
    (root / "bird").symlink_to(tmp_path / "elsewhere" / "birds")
    listing = list_files(root)
    assert listing.class_names == ("bird", "cat", "dog")
    assert Counter(found.class_name for found in listing.files) == {"cat": 3, "dog": 1, "bird": 1}
    assert list(_left_out(listing, root).items()) == [
        ("cat/more again", "links to a folder that is read already")
    ]


@pytest.mark.parametrize("target", [".", "..", "../..", "../../.."])
def test_links_that_lead_back_are_not_followed(root: Path, target: str) -> None:
    (root / "cat" / "loop").symlink_to(target)
    (root / "dog" / "itself").symlink_to("itself")
    (root / "up").symlink_to("..")
    listing = list_files(root)
    assert len(listing.files) == 3
    assert _left_out(listing, root) == {
        "cat/loop": "links to a folder that is read already",
        "dog/itself": "broken links",
        "up": "links to a folder that is read already",
    }


def test_broken_links_are_left_out(root: Path) -> None:
    (root / "dog" / "gone.png").symlink_to(root / "no such file")
    (root / "bird").symlink_to(root / "no such folder")
    assert set(_left_out(list_files(root), root).values()) == {"broken links"}


def test_pipes_are_left_out(root: Path) -> None:
    os.mkfifo(root / "cat" / "pipe")
    assert _left_out(list_files(root), root) == {"cat/pipe": "neither files nor folders"}


def test_accents_composed_and_decomposed_are_one_class(root: Path) -> None:
    names = [unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD")]
    assert names[0] != names[1]
    for name in names:
        _touch(root, f"{name}/{len(name)}.png", f"{name}/gar\u00e7on/{len(name)}.png")
    listing = list_files(root)
    assert listing.class_names == (names[0], "cat", "dog")
    assert Counter(found.class_name for found in listing.files)[names[0]] == 4


def test_a_class_name_that_is_not_utf_8_is_refused(root: Path) -> None:
    _touch(root, "caf\udce9/1.png")
    with pytest.raises(DamagedDataError, match="name of a class in UTF-8"):
        list_files(root)


def test_a_class_name_that_cannot_be_printed_is_refused_in_one_line(root: Path) -> None:
    _touch(root, "cat\n\x1b[31m/1.png")
    with pytest.raises(DamagedDataError, match="expected the name of a class, found") as caught:
        list_files(root)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("folders", "roles"),
    [
        (["train", "val", "test"], {"train", "validation", "test"}),
        (["Train", "Validation"], {"train", "validation"}),
        (["TRAIN", "valid", "Test"], {"train", "validation", "test"}),
        (["training", "testing"], {"train", "test"}),
        (["train"], {"train"}),
    ],
)
def test_folders_named_after_splits_are_read_as_these_splits(
    tmp_path: Path, folders: list[str], roles: set[str]
) -> None:
    for folder in folders:
        _touch(tmp_path, f"{folder}/cat/1.png", f"{folder}/dog/1.png")
    listing = list_files(tmp_path)
    assert listing.class_names == ("cat", "dog")
    assert Counter(found.role for found in listing.files) == dict.fromkeys(roles, 2)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["train/cat/1.png", "cat/1.png", "dog/1.png"], "train is read as a split .* cat, dog"),
        (["car/1.png", "train/1.png"], "if train is a class, rename it"),
        (["test/cat/1.png", "test/dog/1.png"], "beside it there is no train"),
        (["val/cat/1.png", "valid/cat/1.png", "train/cat/1.png"], "found val and valid"),
        (["train/1.png", "test/1.png"], "at least two classes, found none"),
        (["train/cat/1.png", "train/dog/1.png", "test/bird/1.png"], "only classes that train has"),
        (["cat/1.png"], "at least two classes, found cat"),
    ],
)
def test_what_is_neither_classes_nor_a_split_is_refused(
    tmp_path: Path, files: list[str], words: str
) -> None:
    _touch(tmp_path, *files)
    with pytest.raises(DamagedDataError, match=words):
        list_files(tmp_path)


def test_a_folder_that_cannot_be_listed_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "kittens":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DamagedDataError, match=r"kittens: cannot be listed: .*Permission denied"):
        list_files(root)
