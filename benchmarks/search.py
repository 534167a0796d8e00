"""Core utilisation of a whole study: a CIFAR-10 study run by the command, with two workers and one.

Each round has a new workspace, and in it three runs of the study under three names: with two
workers before data is prepared (cold), with two afterwards (warm), and with one. All must have the
same fingerprint. A core is used while it is in an epoch; all other time is reported by cause, so
that costs per study are distinguished from costs per trial.

    python -m benchmarks.search [--study cifar10] [--pixels] [--trials 24] [--rounds 1]
"""

import argparse
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeAlias

from matplotlib.figure import Figure

from benchmarks.reporting import RESULTS, Report, judge
from benchmarks.runs import Run, run_command
from hpsearch.engine.definition import find_study_file, load_definition

COLD, WARM, ONE = "two workers, cold", "two workers, warm", "one worker, warm"

Round: TypeAlias = Mapping[str, Run]


def write_without_basis(study: str, folder: Path) -> Path:
    """Write a copy of a study file without its input transform."""
    path = folder / "on_pixels.toml"
    path.write_text(re.sub("(?m)^basis = .*$", "", find_study_file(study).read_text()))
    assert load_definition(path).trainer.settings["basis"] == "pixels", (
        "a basis of more than a line"
    )
    return path


def measure(study: str, n_trials: int, workspace: Path) -> Round:
    """Run one round, in a new workspace."""
    return {
        name: run_command(study, name.replace(", ", "-").replace(" ", "-"), workspace, n, n_trials)
        for name, n in {COLD: 2, WARM: 2, ONE: 1}.items()
    }


def account(run: Run) -> dict[str, float]:
    """Divide the core-seconds of all workers, from the command's start to its end, by cause.

    Between epochs and trials are checkpoints, the evaluation before the first epoch, the
    coordinator, other programs on the same cores, and waiting because of the lag.
    """
    paid = run.n_workers * run.search_s
    # From here on a worker whose trial ends is idle.
    last_start_s = max(trial.began_s for trial in run.trials)
    at_the_end = sum(max(0.0, trial.ended_s - last_start_s) for trial in run.trials)
    unused = run.n_workers * (run.ended_s - last_start_s) - at_the_end
    return {
        "training": run.training_s,
        "before the first trial": run.n_workers * run.began_s,
        "between epochs and trials": paid - run.training_s - unused,
        "no trial left to start": unused,
        "after the last trial": run.n_workers * (run.wall_s - run.ended_s),
    }


def use_of_command(run: Run) -> float:
    """Fraction of the workers' time in training, from the command's start to its end."""
    return run.training_s / (run.n_workers * run.wall_s)


def use_of_search(run: Run) -> float:
    """Fraction of the workers' time in training, from the first trial's start to the last end."""
    return run.training_s / (run.n_workers * run.search_s)


@dataclass(frozen=True)
class _Figure:
    """A row of the table: its name, value for a run, format, and the goal for a warm run."""

    name: str
    of: Callable[[Run], float]
    form: str
    goal: Callable[[float], str]


_USE = partial(judge, limit=0.95, at_least=True)
_FIGURES = (
    _Figure("in training, of the command", use_of_command, "{:.3f}", _USE),
    _Figure("in training, first trial to last", use_of_search, "{:.3f}", _USE),
    _Figure(
        "command to first epoch's end",
        lambda run: run.first_epoch_s,
        "{:.1f} s",
        partial(judge, limit=5, unit=" s"),
    ),
    _Figure(
        "worker's private memory",
        lambda run: run.worker_memory.private / 1e6,
        "{:.0f} MB",
        partial(judge, limit=200, unit=" MB"),
    ),
    _Figure(
        "of it, the images that all workers map",
        lambda run: run.worker_memory.images / 1e6,
        "{:.0f} MB",
        lambda _: "",
    ),
)
_TIMES: Mapping[str, Callable[[Run], float]] = {
    "two workers over one, command": lambda run: run.wall_s,
    "two over one, first trial to last": lambda run: run.search_s,
}
_SPEED_UP = 1.9


def report(rounds: Sequence[Round], folder: Path, *, on_pixels: bool = False) -> Report:
    """Print the figures, medians of the rounds; draw the core-seconds by cause."""
    fingerprints = {run.fingerprint for one in rounds for run in one.values()}
    if len(fingerprints) > 1:
        raise SystemExit(f"benchmarks.search: runs differ, fingerprints {sorted(fingerprints)}")
    table = Report(
        "search_pixels" if on_pixels else "search",
        f"A study of {len(rounds[0][WARM].trials)} trials{' on pixels' if on_pixels else ''} "
        "by its command; "
        f"medians of rounds: {len(rounds)}\none fingerprint: {fingerprints.pop()}",
        ["figure", COLD, WARM, ONE, "goal, warm"],
        folder,
    )
    for figure in _FIGURES:
        values = {name: median(figure.of(one[name]) for one in rounds) for name in rounds[0]}
        cells = map(figure.form.format, values.values())
        table.add(figure.name, *cells, figure.goal(values[WARM]))
    accounts = [account_of(rounds, name) for name in rounds[0]]
    for part in accounts[0]:
        table.add(f"core-seconds {part}", *(f"{one[part]:.1f}" for one in accounts), "")
    for name, seconds in _TIMES.items():
        speed_up = median(seconds(one[ONE]) / seconds(one[WARM]) for one in rounds)
        goal = judge(speed_up, _SPEED_UP, at_least=True)
        table.add(name, "", f"{speed_up:.2f}", "", goal)
    table.write(draw(rounds))
    return table


def account_of(rounds: Sequence[Round], name: str) -> dict[str, float]:
    """Median over the rounds of each part of `account`."""
    accounts = [account(one[name]) for one in rounds]
    return {part: median(one[part] for one in accounts) for part in accounts[0]}


def draw(rounds: Sequence[Round]) -> Figure:
    """Draw a bar for each run: its core-seconds by cause."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    accounts = {name: account_of(rounds, name) for name in rounds[0]}
    left = dict.fromkeys(accounts, 0.0)
    for part in accounts[WARM]:
        widths = {name: one[part] for name, one in accounts.items()}
        axes.barh(list(widths), list(widths.values()), left=list(left.values()), label=part)
        left = {name: left[name] + width for name, width in widths.items()}
    axes.invert_yaxis()
    axes.set(xlabel="core-seconds")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--study", default="cifar10", help="a file without a name, or a stem")
    parser.add_argument("--pixels", action="store_true", help="leave out the study's basis")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="search-") as scratch:
            study = options.study
            if options.pixels:
                study = str(write_without_basis(study, Path(scratch)))
            rounds.append(measure(study, options.trials, Path(scratch, "workspace")))
    report(rounds, options.folder, on_pixels=options.pixels)


if __name__ == "__main__":
    main()
