"""Cross-validation from the study file to the served model, and what is said of it on the way."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.engine.definition import StudyDefinition, load_definition
from hpsearch.engine.trial_files import PREDICTIONS_FILE, load_predictions
from hpsearch.engine.workspace import Workspace

STUDY = """
trials = 3
lag = 2

[data]
source = "{source}"
{data}
validation = {{ folds = 3 }}

[search]
sampler = "random"

[search.space]
learning_rate = {{ low = 0.02, high = 0.1, log = true }}
learning_rate_decay = 0.95
reg = 1e-4
hidden_size = 8
epochs = 6
batch_size = 10
initial_std = 0.1
"""


@pytest.fixture
def options(workspace: Workspace) -> hpsearch.RunOptions:
    return hpsearch.RunOptions(workspace, n_jobs=1, backend="threading")


@pytest.fixture
def weights(tmp_path: Path) -> pd.DataFrame:
    """People whose weight follows from height and colour, in groups; and as a file."""
    rng = np.random.default_rng(0)
    height = rng.normal(170, 10, 150)
    colour = rng.choice(["red", "green"], 150)
    weight = height - 100 + 12 * (colour == "red") + rng.normal(0, 1, 150)
    frame = pd.DataFrame(
        {"height": height, "colour": colour, "town": np.arange(150) // 3, "weight": weight}
    )
    frame.to_csv(tmp_path / "people.csv", index=False)
    return frame


def _define(folder: Path, source: str, data: str) -> StudyDefinition:
    path = folder / "small.toml"
    path.write_text(STUDY.format(source=source, data=data))
    return load_definition(path)


def _strip(page: str) -> str:
    text = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_regression_on_a_table_with_groups_is_searched_refitted_and_served(
    weights: pd.DataFrame, options: hpsearch.RunOptions, tmp_path: Path
) -> None:
    place = (
        f'path = "{tmp_path}/people.csv"\ntarget = "weight"\ntask = "regression"\ngroup = "town"'
    )
    study = hpsearch.run_study(_define(tmp_path, "table", place), options, quiet=True)
    status = study.status()
    (look,) = status["test"]["looks"]
    variance = float(np.var(weights["weight"]))
    assert status["complete"]
    assert status["best"]["value"] < variance
    assert look["mse"] < variance
    assert status["best"]["value"] == study.trials()["val_mse"].min()
    assert status["selection"]["estimate"]["n_images"] == 150 - look["n"]
    net = study.best_model()
    assert net.sha256() == look["net_sha256"] == status["best"]["net_sha256"]

    import mlflow

    store = f"sqlite:///{options.workspace.mlflow_db}"
    mlflow.set_tracking_uri(store)
    served = mlflow.pyfunc.load_model("models:/small@best")
    columns = weights[["height", "colour"]]
    np.testing.assert_allclose(served.predict(columns), net.predict(columns), rtol=1e-6)
    client = mlflow.MlflowClient(store)
    version = client.get_model_version_by_alias("small", "best")
    assert float(version.tags["cross_validation_val_mse"]) == status["best"]["value"]
    assert "val_mse" not in version.tags
    assert "without a validation score of its own" in version.description
    run = client.get_run(status["mlflow"]["run_id"])
    assert run.data.params["data.validation"] == "3-fold cross-validation"
    assert "data.train" not in run.data.params
    assert "3-fold cross-validation" in run.data.tags["mlflow.note.content"]

    page = _strip(study.folder.report.read_text())
    assert "3-fold cross-validation on the" in page
    assert "that model has no validation score of its own" in page
    assert "Out-of-fold predictions of the best trial in 3-fold cross-validation" in page
    assert "on the validation split" not in page


def test_images_are_shown_with_the_mistakes_of_nets_that_had_not_seen_them(
    options: hpsearch.RunOptions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = hpsearch.run_study(_define(tmp_path, "digits", "stratify = true"), options)
    printed = capsys.readouterr().out
    assert ", on all examples  complete" in printed
    status = study.status()
    n_wrong = round((1 - status["best"]["value"]) * 1497)
    page = _strip(study.folder.report.read_text())
    assert (
        f"{n_wrong:,} of 1,497 validation examples are misclassified by the one of the 3 models"
        " of cross-validation whose training did not see them."
    ) in page
    assert "Best model" in page
    assert page.count(", predicted ") == 24

    number = status["best"]["number"]
    shown = study.folder.trial(number)
    assert len(load_predictions(shown / PREDICTIONS_FILE)) == 1497
    assert (shown / "weights.png").exists()

    where = ["--workspace", str(options.workspace.root)]
    out = tmp_path / "net"
    assert main(["best", "small", "--out", str(out), *where]) == 0
    assert "in 3-fold cross-validation" in capsys.readouterr().out
    assert "without a validation score of its own" in (out / "README.md").read_text()
    assert json.loads((out / "manifest.json").read_text())["cross_validation"]["folds"] == 3
    assert hpsearch.load_net(out).sha256() == status["best"]["net_sha256"]
    assert main(["status", "small", *where]) == 0
    assert "3-fold cross-validation" in capsys.readouterr().out
    assert main(["reconcile", "small", *where]) == 0
    assert "0 repairs" in capsys.readouterr().out
    assert main(["replay", "small", *where]) == 0
    assert "equal: trained on all examples" in capsys.readouterr().out
    assert main(["score", "small", *where]) == 0
    assert "1st evaluation" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "small.toml"), *where]) == 0
