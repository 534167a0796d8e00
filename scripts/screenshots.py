"""Take screenshots of a study's page and of its pages in MLflow, with Chromium.

python scripts/screenshots.py cifar10 --out docs/pictures --only report mlflow_curves mlflow_study
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.progress import track

from hpsearch.tracking.pages import run_page, trials_page

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_HPSEARCH = [sys.executable, "-c", "from hpsearch.cli import main; main()"]
# MLflow's assistant opens by itself where the host is called localhost.
_HOST = "mlflow.test"
_START_TIMEOUT_S = 120.0
# Chromium fast-forwards a page's clock by up to this much, until nothing is pending.
_PAGE_TIME_MS = 30_000
# Pages have few colours; a palette saves two thirds of the bytes.
_N_COLOURS = 128


@dataclass(frozen=True)
class Shot:
    """A page and the size of its window, in pixels."""

    name: str
    address: str
    width: int = 1500
    height: int = 900


def list_shots(
    study: str, server: str, experiment_id: str, run_id: str, trial_run_id: str
) -> list[Shot]:
    """List the screenshots of a study's pages in MLflow."""
    trials = f"{server}/{trials_page(experiment_id)}"
    study_run, trial_run = (
        f"{server}/{run_page(experiment_id, one)}" for one in (run_id, trial_run_id)
    )
    return [
        Shot("mlflow_trials", trials, height=760),
        Shot("mlflow_curves", f"{trials}&compareRunsMode=CHART", height=1100),
        Shot("mlflow_study", study_run),
        Shot("mlflow_film", study_run.replace("?", "/model-metrics?"), height=2200),
        Shot("mlflow_trial", trial_run.replace("?", "/model-metrics?"), height=1000),
        Shot("mlflow_model", f"{server}/#/models/{study}"),
    ]


@contextmanager
def serve(workspace: Path) -> Iterator[int]:
    """Run `hpsearch ui` on a free port until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [*_HPSEARCH, "ui", "--workspace", str(workspace), "--port", str(port)],
            env={
                **os.environ,
                "MLFLOW_SERVER_ALLOWED_HOSTS": f"{_HOST}:{port},127.0.0.1:{port}",
                "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{_HOST}:{port}",
            },
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server)
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{address}: MLflow's server did not answer in {_START_TIMEOUT_S:.0f} s")


def take_screenshot(browser: str, shot: Shot, folder: Path) -> Path:
    """Write the screenshot of one page."""
    picture = folder / f"{shot.name}.png"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--host-resolver-rules=MAP {_HOST} 127.0.0.1",
                f"--window-size={shot.width},{shot.height}",
                f"--virtual-time-budget={_PAGE_TIME_MS}",
                # Otherwise charts that wait until they are visible are never drawn.
                "--run-all-compositor-stages-before-draw",
                f"--screenshot={picture.absolute()}",
                shot.address,
            ],
            check=True,
            timeout=180,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    with Image.open(picture) as shown:
        few_colours = shown.convert("RGB").quantize(_N_COLOURS, dither=Image.Dither.NONE)
    few_colours.save(picture, optimize=True)
    return picture


def read_address(study: str, workspace: Path) -> tuple[str, str, int]:
    """Read the ids of the study's experiment and run in MLflow, and its best trial."""
    asked = subprocess.run(
        [*_HPSEARCH, "status", study, "--json", "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise SystemExit(asked.stderr.strip())
    status = json.loads(asked.stdout)
    if not (status["mlflow"] and status["best"]):
        raise SystemExit(f"{study}: expected a study with a complete trial, shown in MLflow")
    address = status["mlflow"]
    return address["experiment_id"], address["run_id"], status["best"]["number"]


def write_page(study: str, workspace: Path) -> Shot:
    """Write the study's own page."""
    written = subprocess.run(
        [*_HPSEARCH, "report", study, "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=True,
    )
    return Shot("report", Path(written.stdout.strip()).as_uri(), width=900, height=1300)


def find_trial_run(port: int, experiment_id: str, trial: int) -> str:
    """Find the id of a trial's run."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search",
        data=json.dumps(
            {
                "experiment_ids": [experiment_id],
                "filter": f"tags.`hpsearch.trial` = '{trial}'",
            }
        ).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["runs"][0]["info"]["run_id"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="not all pictures")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"expected one of {', '.join(_BROWSERS)} on the path")
    options.out.mkdir(parents=True, exist_ok=True)
    experiment_id, run_id, best = read_address(options.study, options.workspace)
    with serve(options.workspace) as port:
        trial_run_id = find_trial_run(port, experiment_id, best)
        server = f"http://{_HOST}:{port}"
        shots = [
            write_page(options.study, options.workspace),
            *list_shots(options.study, server, experiment_id, run_id, trial_run_id),
        ]
        pictures = [
            take_screenshot(browser, shot, options.out)
            for shot in track(shots, "photographing", transient=True)
            if not options.only or shot.name in options.only
        ]
    print("\n".join(map(str, pictures)))


if __name__ == "__main__":
    main()
