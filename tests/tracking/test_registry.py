import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import hpsearch
from hpsearch.engine.models import Model
from hpsearch.tracking import ModelView, TrackingStore, rehearse_model
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.engine.models.conftest import IMAGES, NUMBERS, make_examples, make_net
from tests.tracking.conftest import describe_model

Make = Callable[..., Any]

# Serves the best model as a program elsewhere does, which has MLflow; reports the predictions.
SERVE = """
import json, sys
for name in sys.argv[2:]:
    sys.modules[name] = None  # as if it were not installed
import mlflow, numpy as np
model = mlflow.pyfunc.load_model("models:/small@best")
predicted = model.predict(np.load(sys.argv[1]))
print(json.dumps([predicted.tolist(), str(predicted.dtype)]))
"""


def test_warming_up_leaves_nothing_behind(
    make_mirror: Callable[..., Any],
    store: TrackingStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mirror = make_mirror()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    rehearse_model()
    assert list(here.iterdir()) == []
    client = MlflowClient(store.uri)
    (run,) = client.search_runs([mirror.experiment_id])
    assert run.info.run_id == mirror.run_id
    assert not client.list_artifacts(run.info.run_id)
    assert not client.search_logged_models([mirror.experiment_id])
    assert not client.search_registered_models()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def load_best(store: TrackingStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """Load the best model by plain MLflow, which may not unpickle anything."""
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    yield lambda: mlflow.pyfunc.load_model("models:/small@best")
    sys.modules.pop("own_trainer", None)


def _serve_elsewhere(store: TrackingStore, X: Any, folder: Path, *missing: str) -> list[Any]:
    """Run `SERVE` in an empty folder; modules `missing` cannot be imported there."""
    empty = folder / "empty"
    empty.mkdir()
    np.save(folder / "examples.npy", X)
    environment = {
        "PATH": os.environ["PATH"],
        "MLFLOW_TRACKING_URI": store.uri,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": str(Path(hpsearch.__path__[0]).parent),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SERVE, "../examples.npy", *missing],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    answer: list[Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("name", ["NearestMean", "NearestMeanClass"])
def test_the_model_of_any_trainer_predicts_in_mlflow_as_it_does(
    name: str, make_mirror: Make, train_own: Make, load_best: Callable[[], Any], tmp_path: Path
) -> None:
    model: Model = train_own(name)
    images = make_examples(IMAGES)[0].reshape(-1, *(4, 4, 3))
    make_mirror().show_model(describe_model(model, tmp_path / "out", images[:2]))
    shutil.rmtree(tmp_path / "study")
    served = load_best()
    predicted = served.predict(images)
    assert predicted.dtype == np.int64
    assert np.array_equal(predicted, model.predict(images))
    assert served.metadata.signature.inputs.input_types() == [np.dtype(np.uint8)]


@pytest.mark.parametrize("has_names", [False, True])
def test_a_regression_of_any_trainer_takes_numbers_or_a_frame_in_mlflow(
    has_names: bool,
    make_mirror: Make,
    train_own: Make,
    load_best: Callable[[], Any],
    tmp_path: Path,
) -> None:
    model: Model = train_own("Slope", NUMBERS)
    X, _ = make_examples(NUMBERS)
    examples = pd.DataFrame(X, columns=["x0", "x1"]) if has_names else X
    make_mirror().show_model(describe_model(model, tmp_path / "out", examples[:2]))
    predicted = load_best().predict(examples)
    assert predicted.dtype == np.float64
    assert np.array_equal(predicted, model.predict(X))


@pytest.mark.slow
def test_the_model_of_any_trainer_is_served_in_a_new_process_without_the_study(
    make_mirror: Make, train_own: Make, store: TrackingStore, tmp_path: Path
) -> None:
    model: Model = train_own()
    images = make_examples(IMAGES)[0].reshape(-1, *(4, 4, 3))
    make_mirror().show_model(describe_model(model, tmp_path / "out", images[:2]))
    for folder in ("study", "out"):
        shutil.rmtree(tmp_path / folder)
    found = _serve_elsewhere(store, images, tmp_path, "optuna", "joblib")
    assert found == [model.predict(images).tolist(), "int64"]


@pytest.mark.slow
def test_a_two_layer_net_is_served_without_this_package(
    make_mirror: Make, store: TrackingStore, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    preprocessing = Preprocessing(np.full(48, 120, np.float32))
    net = make_net(make_parameters(48, 5, 3, 0.1, rng), preprocessing)
    images = rng.integers(0, 256, (20, 4, 4, 3), np.uint8)
    make_mirror().show_model(describe_model(net, tmp_path / "out", images[:2]))
    found = _serve_elsewhere(store, images, tmp_path, "hpsearch", "optuna")
    assert found == [net.predict(images).tolist(), "int64"]


def test_what_a_served_model_requires_is_what_its_trainer_does(
    make_mirror: Make, train_own: Make, make_model_view: Make, store: TrackingStore, tmp_path: Path
) -> None:
    """A two-layer net brings code of its own; any other model needs this package."""
    mirror, images = make_mirror(), np.zeros((2, 4, 4, 3), np.uint8)
    own = describe_model(train_own(), tmp_path / "out", images, requirements=("scipy",))
    for view, expected in (
        (make_model_view(1), {"mlflow", "numpy", "safetensors"}),
        (own, {"mlflow", "numpy", "safetensors", "hpsearch", "scipy"}),
    ):
        mirror.show_model(view)
        assert store.artifacts is not None
        newest = max(store.artifacts.rglob("requirements.txt"), key=lambda p: p.stat().st_mtime_ns)
        assert {line.partition("==")[0] for line in newest.read_text().splitlines()} == expected


def test_a_model_that_differs_in_plain_values_alone_is_found_to_be_another(
    make_mirror: Make, train_own: Make, store: TrackingStore, tmp_path: Path
) -> None:
    """Its arrays, none, are the same."""
    X, _ = make_examples(NUMBERS)
    model, other = train_own("Slope", NUMBERS), train_own("Slope", NUMBERS)
    other.trainer.slope += 1
    view: ModelView = describe_model(model, tmp_path / "out", X[:2])
    describe_model(other, tmp_path / "other", X[:2])
    make_mirror().show_model(view)
    assert store.artifacts is not None
    (manifest,) = store.artifacts.rglob("manifest.json")
    mirror = make_mirror(repair=True)
    mirror.show_model(view)
    assert list(mirror.repairs) == []
    shutil.copy(tmp_path / "other" / "manifest.json", manifest)
    mirror = make_mirror(repair=True)
    mirror.show_model(view)
    (repair,) = mirror.repairs
    assert "it is another model" in repair
