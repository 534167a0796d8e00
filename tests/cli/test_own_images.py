"""A folder of own images is shown before it is used: by `new`, by `doctor`, and by `run`."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpsearch.cli import main
from hpsearch.engine.definition import load_definition
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bright and dark pictures, in a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, low in (("bright", 128), ("dark", 0)):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(low, low + 128, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / name / f"{i}.png")
    return tmp_path / "own"


def test_a_new_study_on_own_images_says_what_is_in_the_folder(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(images / "dark" / "1.png", images / "bright" / "wrong.png")
    (images / "dark" / "desktop.ini").touch()
    (images / "dark" / "broken.jpg").write_bytes(b"x")
    (images / "bright" / "notes.txt").write_bytes(b"x")
    assert main(["new", "mine", "--images", "own"]) == 0
    output = capsys.readouterr().out
    data = load_definition(Path("studies/mine.toml")).data
    for words in (
        "79 images of 2 classes: 40 bright (",
        f"39 dark ({data.test - int(output.split('40 bright (')[1].split()[0])} for the test)",
        "12 x 9",
        "dark/desktop.ini",
        "conflicting labels: 2 files are left out",
        "bright/wrong.png = dark/1.png",
        "dark/broken.jpg: expected an image",
        "bright/notes.txt: expected an image",
        "until the 2 unreadable files above are removed",
    ):
        assert words in output
    assert data.train + data.validation + data.test == 79


def test_the_doctor_reports_a_folder_and_all_that_is_wrong_with_it(
    program: Program, images: Path
) -> None:
    assert main(["new", "mine", "--images", "own"]) == 0
    code, output, _ = program("doctor", "mine")
    assert code == 0
    assert "ok images    " in output
    assert "80 images of 2 classes" in output
    shutil.copy(images / "dark" / "1.png", images / "bright" / "wrong.png")
    code, output, _ = program("doctor", "mine")
    assert code == 2  # there are fewer images than the study asks for now
    assert "!  images    conflicting labels: 2 files" in output
    (images / "dark" / "broken.jpg").write_bytes(b"x")
    (images / "bright" / "notes.txt").write_bytes(b"x")
    code, output, _ = program("doctor", "mine")
    assert code == 3
    assert "x  images    dark/broken.jpg: expected an image" in output
    assert "x  images    bright/notes.txt: expected an image" in output


def test_a_run_reports_omitted_files_each_time_and_refuses_unreadable_ones(
    program: Program, images: Path
) -> None:
    shutil.copy(images / "dark" / "1.png", images / "bright" / "wrong.png")
    (images / "bright" / "Thumbs.db").touch()
    assert main(["new", "mine", "--images", "own"]) == 0
    program("list")
    for trials in (1, 2):
        arguments = ("--trials", trials, "--backend", "threading", "--quiet")
        code, output, error = program("run", "mine", *arguments)
        assert code == 0, error
        assert "conflicting labels: 2 files are left out" in output
        assert "bright/wrong.png = dark/1.png" in output
    (images / "dark" / "broken.jpg").write_bytes(b"x")
    (images / "bright" / "notes.txt").write_bytes(b"x")
    code, _, error = program("run", "mine", "--trials", 3)
    assert code == 3
    assert_one_line(error, "bright/notes.txt: expected", "dark/broken.jpg: expected")


def test_the_doctor_detects_images_that_changed_after_preparation(
    program: Program, images: Path
) -> None:
    assert main(["new", "mine", "--images", "own"]) == 0
    code, _, error = program("run", "mine", "--trials", 1, "--backend", "threading", "--quiet")
    assert code == 0, error
    assert "prepared and verified" in program("doctor", "mine")[1]
    Image.new("RGB", (9, 9)).save(images / "dark" / "more.png")
    assert "not prepared yet" in program("doctor", "mine")[1]


def test_an_existing_split_of_a_folder_is_kept(
    images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bright", "dark"):
        Path("split", "Test", name).mkdir(parents=True)
        for i in range(7):
            (images / name / f"{i}.png").rename(Path("split", "Test", name, f"{i}.png"))
    images.rename(Path("split", "Train"))
    assert main(["new", "mine", "--images", "split"]) == 0
    assert "split already, and used so: 14 images in test, 66 images in train" in (
        capsys.readouterr().out
    )
    data = load_definition(Path("studies/mine.toml")).data
    assert (data.train, data.validation, data.test) == (53, 13, 14)


def test_a_folder_whose_path_is_not_utf_8_is_refused_in_one_line(images: Path) -> None:
    """A process of its own: standard output refuses what is not UTF-8."""
    images.rename("caf\udce9")
    code = "import sys; from hpsearch.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "new", "mine", "--images", "caf\udce9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert_one_line(done.stderr, "expected UTF-8")
    assert not Path("studies").exists()
