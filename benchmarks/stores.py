"""Cost of a trial with PostgreSQL and MLflow's server, relative to the embedded stores.

``python -m benchmarks.stores`` starts the stack of docker-compose.yml without Docker, then runs the
same small study on both, in turns. It prints how long the stack takes to start, and ratios.
"""

import argparse
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path
from threading import Event

from hpsearch.api.run import run_study
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.scheduling import RunOptions, StudyEnded, TrialEnded
from hpsearch.engine.workspace import Workspace
from tests.service.stack import Stack, running_stack

_SPACE = {
    "learning_rate": {"low": 0.003, "high": 0.1, "log": True},
    "reg": 1e-3,
    "hidden_size": {"low": 4, "high": 24},
    "epochs": 20,
    "batch_size": 50,
    "initial_std": 0.01,
}


def define(name: str, n_trials: int) -> StudyDefinition:
    """Define a study whose training takes almost no time."""
    return StudyDefinition.model_validate(
        {
            "name": name,
            "trials": n_trials,
            "data": {"source": "digits", "train": 600, "validation": 150, "test": 100},
            "search": {"sampler": "random", "space": _SPACE},
        }
    )


def measure(definition: StudyDefinition, options: RunOptions) -> tuple[float, float]:
    """Time the study: seconds per trial until the record is complete, and until MLflow shows it."""
    started = time.perf_counter()
    recorded = started
    for event in run_study(definition, options, Event()):
        if isinstance(event, TrialEnded | StudyEnded):
            recorded = time.perf_counter()
    shown = time.perf_counter()
    return (recorded - started) / definition.trials, (shown - started) / definition.trials


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stores-") as folder:
        Path(folder).chmod(0o755)
        with running_stack(Path(folder, "stack")) as stack:
            for what, seconds in stack.started_in_s.items():
                print(f"start-up  {what:<22} {seconds:6.1f} s")
            compare(stack, Path(folder), arguments.rounds, arguments.trials)


def compare(stack: Stack, folder: Path, n_rounds: int, n_trials: int) -> None:
    """Run both sides in turns and print the medians and their ratio."""
    os.environ |= {k: v for k, v in stack.environment("study").items() if k.startswith("MLFLOW_")}
    os.environ |= stack.postgres.environment
    embedded = RunOptions(Workspace(folder / "embedded"), n_jobs=2, backend="threading")
    served = RunOptions(
        Workspace(folder / "served"),
        n_jobs=2,
        backend="threading",
        storage_url="postgresql+psycopg:///optuna",
        tracking_uri=stack.tracking_uri,
    )
    sides = {"embedded": embedded, "served": served}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    # The first round creates the tables, and is not counted.
    for number, (name, options) in itertools.product(range(n_rounds + 1), sides.items()):
        figure = measure(define(f"{name}-{number}", n_trials), options)
        if number:
            figures[name].append(figure)
    for column, what in enumerate(("recorded", "shown in MLflow")):
        median = {name: statistics.median(one[column] for one in figures[name]) for name in sides}
        print(
            f"a trial {what:<16} embedded {median['embedded'] * 1000:6.0f} ms   "
            f"served {median['served'] * 1000:6.0f} ms   "
            f"ratio {median['served'] / median['embedded']:.2f}"
        )


if __name__ == "__main__":
    main()
