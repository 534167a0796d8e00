"""MLflow's page as `hpsearch ui` serves it."""

import subprocess
import sys
from importlib.metadata import entry_points

# In a process of its own: importing MLflow's server changes loggers and the environment.
_GET = """
import sys
import hpsearch.tracking.mlflow_app
from mlflow.server import app
page = app.test_client().get(sys.argv[1])
print(page.status_code, page.text)
"""


def _get(path: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _GET, path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_browser_without_a_choice_gets_the_pages_for_training_before_mlflow_asks() -> None:
    page = _get("/")
    assert page.startswith("200 <!doctype html>")
    assert page.index('"machine_learning"') < page.index("static-files/static/js/main")


def test_other_answers_are_mlflows() -> None:
    assert _get("/health") == "200 OK\n"


def test_mlflow_finds_the_app_by_its_name() -> None:
    (found,) = entry_points(group="mlflow.app", name="hpsearch")
    assert found.value == "hpsearch.tracking.mlflow_app:app"
