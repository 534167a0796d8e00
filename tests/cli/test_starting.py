"""From nothing to a study of one's own."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpsearch.cli import main
from hpsearch.datasets import SOURCE_NAMES
from hpsearch.engine.definition import OWN_SOURCES, list_study_files, load_definition
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images(here: Path) -> Path:
    """Bright and dark pictures."""
    rng = np.random.default_rng(0)
    for name, low in (("bright", 128), ("dark", 0)):
        (here / "own" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(low, low + 128, (9, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(here / "own" / name / f"{i}.png")
    return here / "own"


@pytest.mark.parametrize("source", [name for name in SOURCE_NAMES if name not in OWN_SOURCES])
def test_a_new_study_file_is_a_study(source: str, here: Path) -> None:
    assert main(["new", "mine", "--source", source]) == 0
    definition = load_definition(here / "studies" / "mine.toml")
    assert (definition.name, definition.data.source) == ("mine", source)
    assert list_study_files()["mine"] == Path("studies/mine.toml")


def test_own_images_go_from_a_folder_to_a_scored_net(
    program: Program, images: Path, here: Path
) -> None:
    assert main(["new", "mine", "--images", "own"]) == 0
    code, _, error = program("run", "mine", "--trials", "1", "--backend", "threading")
    assert code == 0, error
    status = json.loads(program("status", "mine", "--json")[1])
    n_test = load_definition(here / "studies" / "mine.toml").data.test
    assert status["test"]["looks"][0]["n"] == n_test
    # What was prepared for one folder is not taken for another that is not there.
    file = here / "studies" / "mine.toml"
    (here / "other.toml").write_text(file.read_text().replace("/own", "/nowhere/own"))
    code, _, error = program("run", "other.toml")
    assert code == 3
    assert_one_line(error, "nowhere/own")
    # Images may move: what they are is what counts.
    images.rename(here / "elsewhere")
    file.write_text(file.read_text().replace("/own", "/elsewhere"))
    code, output, error = program("run", "mine", "--trials", "1", "--backend", "threading")
    assert code == 0, error
    assert "1 of 1 trials done" in output
    Image.new("RGB", (9, 9)).save(here / "elsewhere" / "dark" / "0.png")
    code, _, error = program("run", "mine", "--trials", "2")
    assert code == 5
    assert_one_line(error, "the study exists with another definition (data: ")


def test_a_study_file_is_never_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "mine"]) == 0
    path = here / "studies" / "mine.toml"
    path.write_text("precious")
    capsys.readouterr()
    assert main(["new", "mine"]) == 2
    assert_one_line(capsys.readouterr().err, "exists; expected")
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["../mine"], 2, ["not a path"]),
        (["a b"], 2, ["studies/a b.toml: name"]),
        (["mine", "--source", "cifar"], 2, ["did you mean 'cifar10'?"]),
        (["mine", "--source", "folder"], 2, ["--images DIR"]),
        (["mine", "--images", "nowhere"], 3, ["found none at nowhere"]),
        (["mine", "--images", "."], 3, ["at least two classes"]),
    ],
)
def test_an_invalid_request_is_reported_in_one_line_and_leaves_nothing(
    arguments: list[str],
    code: int,
    words: list[str],
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["new", *arguments]) == code
    assert_one_line(capsys.readouterr().err, *words)
    assert not list(here.rglob("*.toml"))


def test_the_schema_knows_every_key_and_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    for table in (schema, *schema["$defs"].values()):
        for key, shape in table.get("properties", {}).items():  # names have none
            assert shape.get("description") or key == "name", (table["title"], key)
    assert "name" not in schema["required"]
    sampler = schema["$defs"]["SearchSettings"]["properties"]["sampler"]
    assert "tpe" in sampler["anyOf"][-1]["enum"]
