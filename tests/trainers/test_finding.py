"""Trainers are found by import path, in the study file's folder first, and by their source."""

import sys

import pytest

from hpsearch.foundations.errors import MachineError, UsageError
from hpsearch.trainers.finding import TrainerSpec, find_trainer_file, hash_source

SOURCE = """
import hpsearch

class Mean(hpsearch.Trainer):
    NAME = {name!r}

    def train_epoch(self, data):
        return {{"train_loss": 0.0}}

    def predict(self, X):
        return X
"""


@pytest.fixture
def write(tmp_path):
    """Write a module of trainers to a folder of its own; return the folder."""

    def write(folder, name="first", module="trainers_of_a_test"):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / f"{module}.py").write_text(SOURCE.format(name=name))
        return place

    yield write
    sys.modules.pop("trainers_of_a_test", None)


def test_a_class_is_imported_from_the_given_folder(write):
    folder = write("one")
    before = sys.path.copy()
    assert TrainerSpec("trainers_of_a_test:Mean", folder).load().NAME == "first"
    assert sys.path == before


def test_modules_of_equal_names_in_two_folders_are_kept_apart(write):
    one, two = write("one", "first"), write("two", "second")
    for folder, name in ((one, "first"), (two, "second"), (one, "first")):
        trainer = TrainerSpec("trainers_of_a_test:Mean", folder).load()
        assert name == trainer.NAME


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module:Mean", r"trainer no_such_module:Mean: found no module 'no_such_module'"),
        ("trainers_of_a_test:Maen", r"has no Maen; did you mean 'Mean'\?"),
        ("trainers_of_a_test:hpsearch", r"expected a subclass of hpsearch.Trainer"),
    ],
)
def test_what_is_no_trainer_is_refused_in_one_line(write, path, message):
    with pytest.raises(UsageError, match=message) as caught:
        TrainerSpec(path, write("one")).load()
    assert "\n" not in str(caught.value)


def test_a_module_that_raises_is_refused_in_one_line(write):
    folder = write("one")
    (folder / "broken_module_of_a_test.py").write_text("raise OSError('no\\nGPU')")
    with pytest.raises(UsageError, match=r"cannot be imported: OSError: no GPU$"):
        TrainerSpec("broken_module_of_a_test:Mean", folder).load()


def test_a_source_that_has_changed_is_refused(write):
    folder = write("one")
    sha256 = hash_source(folder / "trainers_of_a_test.py", "trainers_of_a_test")
    spec = TrainerSpec("trainers_of_a_test:Mean", folder, sha256)
    assert spec.load().NAME == "first"
    write("one", "changed")
    with pytest.raises(MachineError, match=r"its source has the SHA-256 .* expected"):
        spec.load()


def test_the_hash_of_a_module_in_a_package_covers_the_package(tmp_path):
    name, package = "package_of_a_test.models", tmp_path / "package_of_a_test"
    package.mkdir()
    for module in ("__init__", "models", "losses"):
        (package / f"{module}.py").write_text("")
    file = find_trainer_file(TrainerSpec(f"{name}:Trainer", tmp_path))
    before = hash_source(file, name)
    (package / "losses.py").write_text("scale = 2")
    assert hash_source(file, name) != before


def test_the_hash_covers_nothing_beside_a_module_even_if_its_folder_is_a_package(write):
    folder = write("one")
    file = folder / "trainers_of_a_test.py"
    before = hash_source(file, "trainers_of_a_test")
    (folder / "__init__.py").write_text("")
    (folder / "notes.py").write_text("")
    assert hash_source(file, "trainers_of_a_test") == before


def test_packages_of_equal_names_in_two_folders_are_kept_apart(tmp_path):
    path = "package_of_two_tests.models:Mean"
    for folder in ("one", "two"):
        package = tmp_path / folder / "package_of_two_tests"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "names.py").write_text(f"NAME = {folder!r}")
        source = (
            SOURCE.format(name=folder) + "\nfrom package_of_two_tests.names import NAME as THERE"
        )
        (package / "models.py").write_text(source)
    for folder in ("one", "two", "one"):
        trainer = TrainerSpec(path, tmp_path / folder).load()
        assert folder == trainer.NAME == sys.modules[trainer.__module__].THERE
