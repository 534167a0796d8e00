"""Data from a function of the user's own."""

import sys
from pathlib import Path

import pytest

from hpsearch.datasets.tabular_source import LoaderFunction, find_loader
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, UsageError
from hpsearch.foundations.metrics import Task

MODULE = """
import numpy as np, pandas as pd
from pathlib import Path

def arrays():
    with Path(__file__).with_name("calls").open("a") as file:
        file.write("called ")
    return np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]

def frame():
    return pd.DataFrame({"a": [1, 2, 3, 4], "y": [0, 1, 0, 1]})

def fails():
    raise RuntimeError("no such table")

def number():
    return 7
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / f"own_loader_{tmp_path.name}.py"
    path.write_text(MODULE)
    return path


def make(module: Path, function: str, **options: object) -> LoaderFunction:
    spec = f"{module.stem}:{function}"
    return LoaderFunction(spec, find_loader(spec, [module.parent]), Task.CLASSIFICATION, **options)


def test_arrays_and_frames_are_taken_and_the_import_path_is_as_before(module: Path) -> None:
    before = sys.path.copy()
    dataset = make(module, "arrays").load()
    assert len(dataset.rows) + len(dataset.test) == 4
    assert make(module, "frame", target="y").load().schema.columns[0].name == "a"
    assert sys.path == before


def test_finding_it_calls_and_imports_nothing(module: Path) -> None:
    assert len(make(module, "arrays").checksum) == 64
    assert not module.with_name("calls").exists()
    assert module.stem not in sys.modules


def test_its_checksum_follows_its_source(module: Path) -> None:
    before = make(module, "arrays").checksum
    assert make(module, "frame").checksum != before
    module.write_text(MODULE + "# changed")
    assert make(module, "arrays").checksum != before


@pytest.mark.parametrize(
    ("function", "kind", "part"),
    [
        ("fails", DamagedDataError, "RuntimeError: no such table"),
        ("number", DamagedDataError, "got int"),
        ("nothing", DamagedDataError, "AttributeError"),
        ("frame", UsageError, "data.target"),
    ],
)
def test_its_errors_are_reported_in_one_line(
    function: str, kind: type[Exception], part: str, module: Path
) -> None:
    with pytest.raises(kind) as raised:
        make(module, function).load()
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("spec", ["loader", "loader:", ":load", "a b:load", "../x:load"])
def test_a_malformed_name_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="module:function"):
        find_loader(spec, [])


def test_a_module_that_is_nowhere_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no_such_module"):
        find_loader("no_such_module.sub:load", [tmp_path])


def test_a_module_of_the_same_name_in_another_folder_is_another_one(tmp_path: Path) -> None:
    """Several studies may be opened in one process."""
    for rows in (3, 5):
        path = tmp_path / str(rows) / "own_loader_of_two_studies.py"
        path.parent.mkdir()
        path.write_text(
            "import numpy as np\n"
            f"def arrays(): return np.arange({2 * rows}.0).reshape(-1, 2), np.arange({rows}) % 2\n"
        )
        dataset = make(path, "arrays").load()
        assert len(dataset.rows) + len(dataset.test) == rows


def test_the_module_may_be_in_a_package(tmp_path: Path) -> None:
    package = tmp_path / "own_package_of_a_loader"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.py").write_text(MODULE)
    spec = f"{package.name}.data:arrays"
    loader = LoaderFunction(spec, find_loader(spec, [tmp_path]), Task.CLASSIFICATION)
    assert len(loader.load().schema.columns) == 2
