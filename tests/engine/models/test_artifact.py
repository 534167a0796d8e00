import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hpsearch
from hpsearch.engine.models import Model, export_model, load_model
from hpsearch.foundations.errors import DamagedDataError, DataError, MissingDataError, StoreError
from hpsearch.trainers.finding import TrainerSpec, hash_source
from tests.engine.models.conftest import IMAGES, NUMBERS, make_examples

FILES = ["net.safetensors", "manifest.json"]
slow_fixtures = [HealthCheck.function_scoped_fixture]

# Loads a model as a program elsewhere does; reports what was imported, and what it predicts.
PREDICT = """
import json, sys
import numpy as np
import hpsearch
unpickled = []
sys.addaudithook(lambda event, _: unpickled.append(event) if "pickle" in event else None)
model = hpsearch.load_model(sys.argv[1])
predicted = model.predict(np.load(sys.argv[2])).tolist()
heavy = ("optuna", "joblib", "matplotlib", "mlflow", "numba", "sklearn", "plotly")
print(json.dumps([predicted, unpickled + [name for name in heavy if name in sys.modules]]))
"""


def test_a_net_comes_back_as_it_was(net: Model, tmp_path: Path) -> None:
    export_model(net, tmp_path / "out")
    loaded = load_model(tmp_path / "out")
    assert loaded.sha256() == net.sha256()
    assert loaded.facts == net.facts
    assert (loaded.schema, loaded.spec) == (net.schema, net.spec)
    images = np.random.default_rng(0).integers(0, 256, (20, 48), np.uint8)
    assert np.array_equal(loaded.predict(images), net.predict(images))


def test_a_net_can_be_loaded_by_the_function_of_before(net: Model, tmp_path: Path) -> None:
    export_model(net, tmp_path / "out")
    assert hpsearch.load_net(tmp_path / "out").sha256() == net.sha256()


def test_the_readme_shows_how_to_use_it(net: Model, tmp_path: Path) -> None:
    export_model(net, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
    code = readme.split("alone:\n\n")[1]
    code = "\n".join(line.removeprefix("    ") for line in code.splitlines())
    code = code.replace('"net.safetensors"', repr(str(tmp_path / "out" / "net.safetensors")))
    scope: dict[str, object] = {"images": images}
    exec(code, scope)
    assert np.array_equal(np.asarray(scope["classes"]), net.predict(images))


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=slow_fixtures)
def test_a_damaged_folder_is_refused(
    name: str, data: st.DataObject, net: Model, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    export_model(net, folder)
    _check_damage(folder, name, data, net)


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "source/own_trainer.py"])
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=slow_fixtures)
def test_a_damaged_folder_of_any_trainer_is_refused(
    name: str, data: st.DataObject, train_own: Callable[..., Model], tmp_path: Path
) -> None:
    folder, model = tmp_path / "out", train_own()
    shutil.rmtree(folder, ignore_errors=True)
    export_model(model, folder)
    _check_damage(folder, name, data, model)


def _check_damage(folder: Path, name: str, data: st.DataObject, model: Model) -> None:
    """Damage a file, and load the model: it is refused in one line, or is the same."""
    content = bytearray((folder / name).read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / name).write_bytes(content)
    try:
        loaded = load_model(folder)
    except DataError as error:
        message = str(error)
        assert str(folder) in message
    else:
        # Facts for people, such as the accuracy, are not under the hash; the model is.
        message = ""
        assert loaded.sha256() == model.sha256()
    assert "\n" not in message


@pytest.mark.parametrize("name", FILES)
def test_an_unfinished_folder_is_missing_its_net(name: str, net: Model, tmp_path: Path) -> None:
    export_model(net, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MissingDataError, match="expected a folder with"):
        load_model(tmp_path)


def test_another_net_than_the_manifests_is_refused(net: Model, tmp_path: Path) -> None:
    export_model(net, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["net_sha256"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedDataError, match="expected the model 0000"):
        load_model(tmp_path)


def test_a_folder_that_cannot_be_created_is_reported(net: Model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        export_model(net, tmp_path / "file" / "out")


def test_a_model_of_any_trainer_loads_in_a_new_process_from_its_folder_alone(
    train_own: Callable[..., Model], tmp_path: Path
) -> None:
    """Neither the study's folder nor what only studies need is there."""
    for name, schema in (("NearestMean", IMAGES), ("Slope", NUMBERS)):
        model, (X, _) = train_own(name, schema), make_examples(schema)
        expected = model.predict(X)
        export_model(model, tmp_path / "exported")
        elsewhere = tmp_path / name
        (elsewhere / "empty").mkdir(parents=True)
        shutil.move(tmp_path / "exported", elsewhere / "model")
        shutil.rmtree(tmp_path / "study")
        np.save(elsewhere / "examples.npy", X)
        predicted, heavy = _predict_elsewhere(elsewhere)
        assert predicted == expected.tolist()
        assert heavy == []


@pytest.mark.parametrize("inside", ["own_package", "own_package/inner", "own_folder"])
def test_a_trainer_in_a_package_is_exported_with_the_package(
    inside: str, train_own: Callable[..., Model], tmp_path: Path
) -> None:
    """Or in a folder that has no ``__init__.py``, as Python permits."""
    own, study = train_own(), tmp_path / "study"
    package = study / inside
    package.mkdir(parents=True)
    shutil.move(study / "own_trainer.py", package / "models.py")
    if inside != "own_folder":
        for folder in (study, package, package.parent):  # the study's folder may be a package too
            (folder / "__init__.py").write_text("")
    path = f"{inside.replace('/', '.')}.models"
    spec = TrainerSpec(f"{path}:NearestMean", study, hash_source(package / "models.py", path))
    trainer = spec.load()(own.trainer.hyperparameters, IMAGES, None)
    trainer.load_state_dict(own.trainer.state_dict())
    export_model(dataclasses.replace(own, trainer=trainer, spec=spec), tmp_path / "model")
    shutil.rmtree(study)
    (tmp_path / "empty").mkdir()
    X, _ = make_examples(IMAGES)
    np.save(tmp_path / "examples.npy", X)
    assert _predict_elsewhere(tmp_path) == [own.predict(X).tolist(), []]


def test_a_net_loads_in_a_new_process_without_what_only_studies_need(
    net: Model, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    export_model(net, tmp_path / "model")
    X, _ = make_examples(IMAGES)
    np.save(tmp_path / "examples.npy", X)
    assert _predict_elsewhere(tmp_path) == [net.predict(X).tolist(), []]


def _predict_elsewhere(folder: Path) -> list[list[object]]:
    """Run `PREDICT` in an empty folder, with a relative path of the model."""
    command = [sys.executable, "-c", PREDICT, "../model", "../examples.npy"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(hpsearch.__path__[0]).parent)}
    ended = subprocess.run(
        command, cwd=folder / "empty", env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    answer: list[list[object]] = json.loads(ended.stdout)
    return answer


def test_a_state_comes_back_with_its_types(train_own: Callable[..., Model], tmp_path: Path) -> None:
    """`NearestMean.load_state_dict` checks that the tuple is one, and the scalar a scalar."""
    model = train_own()
    export_model(model, tmp_path / "out")
    loaded = load_model(tmp_path / "out")
    state = loaded.trainer.state_dict()
    assert loaded.sha256() == model.sha256()
    assert list(state["means"]) == [0, 1, 2]
    assert state["range"] == (0.0, float("inf"))
    assert (state["scale"].shape, state["scale"].dtype) == ((), np.float32)
    assert loaded.trainer.hyperparameters == {"epochs": 1, "sharpness": 2.0}
    assert loaded.trainer.rng is None


def test_no_file_of_a_model_is_a_pickle(train_own: Callable[..., Model], tmp_path: Path) -> None:
    export_model(train_own(), tmp_path / "out")
    names = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")
    }
    assert names == {
        *("manifest.json", "model.safetensors", "README.md"),
        *("source", "source/own_trainer.py"),
    }


def test_a_changed_copy_of_the_source_is_refused_in_one_line(
    train_own: Callable[..., Model], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    export_model(train_own(), folder)
    with (folder / "source" / "own_trainer.py").open("a") as file:
        file.write("# another line\n")
    with pytest.raises(
        DamagedDataError, match=r"its source has the SHA-256 \w+, expected"
    ) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_lost_copy_of_the_source_is_reported_in_one_line(
    train_own: Callable[..., Model], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    export_model(train_own(), folder)
    shutil.rmtree(folder / "source")
    sys.modules.pop("own_trainer")  # as in another process
    with pytest.raises(DamagedDataError, match="found no module 'own_trainer'") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_changed_plain_values_are_refused_by_the_hash(
    train_own: Callable[..., Model], tmp_path: Path
) -> None:
    export_model(train_own("Slope", NUMBERS), tmp_path)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    ((name, slope),) = manifest["state"]["dict"]
    manifest["state"]["dict"] = [[name, slope + 1]]
    path.write_text(json.dumps(manifest))
    with pytest.raises(DamagedDataError, match="expected the model"):
        load_model(tmp_path)


def test_the_readme_names_the_trainer_the_score_and_the_arrays(
    train_own: Callable[..., Model], tmp_path: Path
) -> None:
    export_model(train_own(), tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "`model.safetensors` holds the arrays means.0, means.1, means.2, scale;" in readme
    assert "NearestMean" in readme
    assert "val_accuracy 0.5000" in readme
    assert "uint8, shape (N, 4, 4, 3)" in readme


def test_an_export_over_an_older_one_leaves_none_of_its_source(
    train_own: Callable[..., Model], net: Model, tmp_path: Path
) -> None:
    export_model(train_own(), tmp_path / "out")
    export_model(net, tmp_path / "out")
    assert not (tmp_path / "out" / "source").exists()
    assert load_model(tmp_path / "out").sha256() == net.sha256()
