"""Studies on tables, arrays and the result of a function: from the file to the served model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.datasets import Column, Schema, open_splits
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.metrics import Task
from hpsearch.trainers.two_layer_net.scaling import load_scaling

SIZES = {"train": 120, "validation": 30}
SPACE = {
    "hidden_size": 16,
    "epochs": {"low": 15, "high": 25},
    "learning_rate": {"low": 0.05, "high": 0.3},
    "batch_size": 10,
    "initial_std": 0.3,
}


@pytest.fixture
def frame() -> pd.DataFrame:
    """A number and a category that decide the class, and the number to predict."""
    rng = np.random.default_rng(0)
    height = rng.normal(170, 10, 200)
    colour = rng.choice(["red", "green", "blue"], 200)
    shift = pd.Series(colour).map({"red": 12, "green": 0, "blue": -12}).to_numpy()
    weight = height - 100 + shift + rng.normal(0, 1, 200)
    frame = pd.DataFrame({"height": height, "colour": colour, "weight": weight})
    frame["heavy"] = np.where(weight > 70, "yes", "no")
    frame.loc[::20, "height"] = None
    return frame


@pytest.fixture
def options(workspace: Workspace) -> hpsearch.RunOptions:
    return hpsearch.RunOptions(workspace, n_jobs=1, backend="threading")


Define = Callable[..., StudyDefinition]


def test_a_table_of_classes_is_searched_kept_and_served(
    frame: pd.DataFrame, define: Define, options: hpsearch.RunOptions, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    data = {"source": "table", "path": str(path), "target": "heavy", "ignore": ["weight"], **SIZES}
    study = hpsearch.run_study(define(data=data, space=SPACE, trials=4), options, quiet=True)

    status = study.status()
    (look,) = status["test"]["looks"]
    assert status["complete"]
    assert status["best"]["value"] > 0.8
    assert look["accuracy"] > 0.8
    assert status["selection"]["estimate"] is not None
    net = study.best_model()
    assert net.class_names == ("no", "yes")
    codes = net.predict(frame)
    assert np.mean(np.array(net.class_names)[codes] == frame["heavy"]) > 0.8

    assert (
        main(
            [
                "best",
                "small",
                "--out",
                str(tmp_path / "net"),
                "--workspace",
                str(options.workspace.root),
            ]
        )
        == 0
    )
    kept = hpsearch.load_net(tmp_path / "net")
    assert kept.sha256() == net.sha256()
    np.testing.assert_array_equal(kept.predict(frame), codes)

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{options.workspace.mlflow_db}")
    served = mlflow.pyfunc.load_model("models:/small@best")
    columns = frame[["height", "colour"]]
    np.testing.assert_array_equal(served.predict(columns), codes)


def test_a_regression_minimises_and_says_so_everywhere(
    frame: pd.DataFrame,
    define: Define,
    options: hpsearch.RunOptions,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "people.parquet"
    frame.to_parquet(path)
    data = {
        "source": "table",
        "path": str(path),
        "target": "weight",
        "task": "regression",
        "ignore": ["heavy"],
        **SIZES,
    }
    definition = define(
        data=data,
        space=SPACE,
        trials=6,
        pruner={"name": "median", "n_startup_trials": 2},
    )
    study = hpsearch.run_study(definition, options)
    printed = capsys.readouterr().out
    assert "val_mse" in printed
    assert "accuracy" not in printed
    assert "test_mse" in printed
    assert "test_r2" in printed

    status, trials = study.status(), study.trials()
    complete = trials[trials["state"] == "COMPLETE"]
    assert status["best"]["value"] == complete["val_mse"].min()
    assert status["best"]["value"] < np.var(frame["weight"])
    estimate = status["selection"]["estimate"]
    assert estimate["low"] < estimate["val_score"] < estimate["high"]

    net = study.best_model()
    assert net.class_names == ()
    predicted = net.predict(frame)
    assert predicted.dtype == np.float64
    assert np.mean((predicted - frame["weight"]) ** 2) < np.var(frame["weight"])

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{options.workspace.mlflow_db}")
    client = mlflow.MlflowClient()
    runs = client.search_runs([status["mlflow"]["experiment_id"]])
    best = next(run for run in runs if run.info.run_id == status["mlflow"]["run_id"])
    assert {"best_val_mse", "test_mse", "test_r2"} <= {*best.data.metrics}
    trial = next(run for run in runs if "val_mse" in run.data.metrics)
    assert {"train_mse", "val_r2", "train_loss"} <= {*trial.data.metrics}
    served = mlflow.pyfunc.load_model("models:/small@best")
    np.testing.assert_allclose(served.predict(frame[["height", "colour"]]), predicted, rtol=1e-6)

    assert main(["report", "small", "--workspace", str(options.workspace.root)]) == 0
    page = options.workspace.study("small").report.read_text()
    assert "lowest mse" in page
    assert "predicted weight" in page


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_function_is_called_once_whatever_runs(
    n_jobs: int, define: Define, workspace: Workspace, tmp_path: Path
) -> None:
    """By the process that prepares the data: workers map what it returned."""
    name = f"own_data_{n_jobs}"
    (tmp_path / f"{name}.py").write_text(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "def load():\n"
        "    with Path(__file__).with_name('calls').open('a') as file:\n"
        "        file.write('x')\n"
        "    X = np.random.default_rng(0).normal(size=(200, 3))\n"
        "    return X, (X[:, 0] > 0).astype(int)\n"
    )
    data = {"source": "python", "load": f"{name}:load", "path": str(tmp_path), **SIZES}
    options = hpsearch.RunOptions(workspace, n_jobs=n_jobs)
    for trials in (2, 3):
        study = hpsearch.run_study(
            define(data=data, space=SPACE, trials=trials), options, quiet=True
        )
    assert study.status()["trials"]["complete"] == 3
    assert (tmp_path / "calls").read_text() == "x"


def test_arrays_have_their_own_test_split_and_the_same_study_for_any_workers(
    define: Define, workspace: Workspace, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X.sum(axis=1) > 0).astype(int)
    path = tmp_path / "a.npz"
    np.savez(path, X=X[:150], y=y[:150], X_test=X[150:], y_test=y[150:])
    data = {"source": "arrays", "path": str(path), **SIZES}
    fingerprints = set()
    for n_jobs in (1, 2):
        options = hpsearch.RunOptions(Workspace(tmp_path / f"w{n_jobs}"), n_jobs=n_jobs)
        study = hpsearch.run_study(define(data=data, space=SPACE, trials=4), options, quiet=True)
        fingerprints.add(study.status()["fingerprint"])
        assert study.status()["test"]["looks"][0]["n"] == 50
    assert len(fingerprints) == 1


def test_training_rows_are_scaled_and_validation_rows_with_them(
    frame: pd.DataFrame, define: Define, options: hpsearch.RunOptions, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    data = {"source": "table", "path": str(path), "target": "heavy", "ignore": ["weight"], **SIZES}
    splits = open_splits(hpsearch.prepare_data(define(data=data, space=SPACE), options))
    height = splits.train[:, 0]
    assert abs(height.mean()) < 1e-6
    assert splits.train.shape == (120, 5)  # height, whether it is missing, three colours
    inputs = load_scaling(splits.derived["scaling"]).apply(splits.validation)
    assert inputs.shape == (len(splits.validation), 5)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"data": {"target": None}}, "target is missing"),
        ({"data": {"folder": "x"}}, 'folder is only for source = "folder"'),
        ({"trainer": {"basis": {"components": 3}}}, "trainer.basis is for images"),
        (
            {"data": {"source": "digits", "path": None, "target": None, "task": "regression"}},
            "digits",
        ),
        ({"space": {"horizontal_flip": 0.5}}, "search.space.horizontal_flip is for images"),
        (
            {"space": {"contrast_normalization": "per_image"}},
            "search.space.contrast_normalization is for images",
        ),
        ({"data": {"task": "regression"}, "space": {"label_smoothing": 0.1}}, "label_smoothing"),
    ],
)
def test_what_does_not_go_with_a_table_is_refused(changes: dict, part: str, define: Define) -> None:
    data = {"source": "table", "path": "a.csv", "target": "y", **SIZES} | changes.get("data", {})

    def define_and_check() -> None:
        definition = define(
            data={key: value for key, value in data.items() if value is not None},
            space=SPACE | changes.get("space", {}),
            trainer=changes.get("trainer", {}),
        )
        class_names = () if definition.data.task == Task.REGRESSION else ("no", "yes")
        definition.check("small: ", Schema(columns=(Column("x"),), class_names=class_names))

    with pytest.raises((ValueError, UsageError), match=part):
        define_and_check()


def test_a_new_study_file_on_a_table_runs_as_it_is(
    frame: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    frame.to_csv("people.csv", index=False)
    assert main(["new", "people", "--table", "people.csv", "--target", "heavy"]) == 0
    printed = capsys.readouterr().out
    assert "200 rows" in printed
    assert "colour (3)" in printed
    assert "missing values: height" in printed
    assert main(["doctor", "people"]) == 0
    assert "columns of categories: colour (3)" in capsys.readouterr().out
    assert (
        main(["new", "weights", "--table", "people.csv", "--target", "weight", "--regression"]) == 0
    )
    definition = hpsearch.load_definition(Path("studies/weights.toml"))
    assert definition.metric.name == "mse"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--table", "a.csv"], "--target"),
        (["--table", "a.csv", "--images", "x"], "one of --images, --table"),
        (["--source", "table"], "expected --table FILE with it"),
        (["--source", "digits", "--table", "a.csv"], "--source digits"),
        (["--load", "nothing:load"], "no module 'nothing'"),
    ],
)
def test_new_says_what_is_missing(
    words: list[str],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine", *words]) in (2, 3)
    assert part in capsys.readouterr().err
    assert not Path("studies/mine.toml").exists()


def test_a_table_that_is_too_small_to_split_is_refused(
    tmp_path: Path, define: Define, options: hpsearch.RunOptions
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    data = {"source": "table", "path": str(path), "target": "y", **SIZES}
    with pytest.raises(UsageError, match="ask for 150 examples"):
        hpsearch.run_study(define(data=data, space=SPACE), options, quiet=True)
