"""Overhead of the coordinator, with a trainer that does nothing, up to trial 5,000.

At each mark a study's record and its MLflow store are filled up to that trial, then some trials
are run for real: coordinator, workers, journal, MLflow, plots. Reported are the idle time of a
worker between two trials, measured in the worker (from the end of a trial to the beginning of the
next, so transport is included), and the coordinator's CPU time per trial, with all its threads and
helper processes. For comparison: Optuna with MLflowCallback, and with MlflowStorage.

    python -m benchmarks.overhead [--marks 10 100 1000 5000] [--window 30]
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import psutil
from matplotlib.figure import Figure

from benchmarks.idle import IDLE_FILE, define_idle_study, fill_mlflow, fill_record, run_idle
from benchmarks.reporting import Report, judge
from benchmarks.rivals import RivalCost, measure_callback, measure_mlflow_storage
from hpsearch.api.publishing.mlflow_publisher import MlflowPublisher
from hpsearch.api.run import run_study
from hpsearch.engine.scheduling import RunOptions, TrialEnded
from hpsearch.engine.search import load_study, open_storage
from hpsearch.engine.workspace import StudyFolder, Workspace

_N_JOBS = 2
# Trials after which all processes have imported their modules.
_N_WARM_UP = 4


@dataclass(frozen=True)
class Cost:
    """Measurements at one mark; times in seconds."""

    mark: int
    pause_s: float
    longest_pause_s: float
    cpu_s: float
    open_s: float
    status_s: float


class _WatchedPublisher(MlflowPublisher):
    """The MLflow publisher, with access to its latest instance."""

    latest: "_WatchedPublisher"

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        type(self).latest = self

    def wait(self) -> None:
        """Wait until everything submitted so far is published."""
        done = threading.Event()
        self._tasks.put(done.set)
        done.wait()


@contextmanager
def _idle_workers(trial_s: float, held_from: int, release: Path) -> Iterator[None]:
    run = partial(run_idle, trial_s=trial_s, held_from=held_from, release=release)
    with (
        mock.patch("hpsearch.engine.scheduling.scheduler.run_job", run),
        mock.patch("hpsearch.api.run.MlflowPublisher", _WatchedPublisher),
    ):
        yield


def run_window(workspace: Workspace, window: int, trial_s: float, mark: int) -> float:
    """Run `window` trials of the idle study, which has `mark`, after a few to warm up.

    The trials of the window begin when MLflow shows those of the warm-up, however long that took.

    Returns
    -------
    cpu_s : float
        The coordinator's CPU time, in seconds, for the window's trials until MLflow shows them.
    """
    options = RunOptions(workspace, n_jobs=_N_JOBS)
    n_ended = 0
    release = workspace.root / f"released-{mark}"
    before: dict[int, float] = {}
    after: dict[int, float] = {}
    with _idle_workers(trial_s, mark + _N_WARM_UP, release):
        definition = define_idle_study(mark + _N_WARM_UP + window)
        for event in run_study(definition, options, threading.Event()):
            if isinstance(event, TrialEnded):
                n_ended += 1
                if n_ended == _N_WARM_UP:
                    _WatchedPublisher.latest.wait()
                    before = _cpu_times()
                    release.touch()
                elif n_ended == _N_WARM_UP + window:
                    _WatchedPublisher.latest.wait()
                    after = _cpu_times()
    workers = {note["pid"] for note in _read_notes(workspace.study("idle"), mark, window)}
    own = [pid for pid in after if pid not in workers]
    return sum(after[pid] - before.get(pid, 0.0) for pid in own)


def _cpu_times() -> dict[int, float]:
    """CPU seconds of this process and of its children so far, by process."""
    spent = {os.getpid(): time.process_time()}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            spent[child.pid] = times.user + times.system
    return spent


def _read_notes(folder: StudyFolder, mark: int, window: int) -> list[dict[str, Any]]:
    """Read process, beginning and end of each of the window's trials."""
    numbers = range(mark + _N_WARM_UP, mark + _N_WARM_UP + window)
    return [json.loads((folder.trial(n) / IDLE_FILE).read_text()) for n in numbers]


def find_pauses(notes: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds between the end of one trial and the beginning of the next, in each worker."""
    pauses = []
    for pid in {note["pid"] for note in notes}:
        own = sorted((n for n in notes if n["pid"] == pid), key=lambda n: float(n["begun"]))
        pauses += [later["begun"] - earlier["ended"] for earlier, later in pairwise(own)]
    return pauses


def measure(workspace: Workspace, mark: int, window: int, trial_s: float) -> Cost:
    """Fill the study up to trial `mark`, then run `window` more."""
    folder = workspace.study("idle")
    fill_record(folder, mark)
    fill_mlflow(workspace.mlflow_db, mark)
    cpu_s = run_window(workspace, window, trial_s, mark)
    pauses = find_pauses(_read_notes(folder, mark, window))
    return Cost(
        mark=mark,
        pause_s=median(pauses),
        longest_pause_s=max(pauses),
        cpu_s=cpu_s / window,
        open_s=median(_time(lambda: _open(folder)) for _ in range(3)),
        status_s=median(_time(lambda: _print_status(workspace)) for _ in range(3)),
    )


def _open(folder: StudyFolder) -> None:
    load_study("idle", open_storage(None, folder.journal))


def _print_status(workspace: Workspace) -> None:
    program = "from hpsearch.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "status", "idle", "--json"]
    command += ["--workspace", str(workspace.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _time(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--marks", type=int, nargs="+", default=[10, 100, 1000, 5000])
    parser.add_argument("--window", type=int, default=30, help="trials run at each mark")
    parser.add_argument("--trial", type=float, default=0.5, help="seconds that a trial waits")
    parser.add_argument("--rivals", type=int, default=10, help="trials of each rival")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overhead-") as scratch:
        run(Path(scratch), options.marks, options.window, options.trial, options.rivals)


def run(root: Path, marks: Sequence[int], window: int, trial_s: float, n_rival: int) -> Report:
    """Measure at each of `marks`, in ascending order, and report."""
    workspace = Workspace(root / "workspace")
    run_window(workspace, 1, trial_s, 0)
    measure_callback(root / "warm-up", 1, 2)
    ours: list[Cost] = []
    theirs: list[RivalCost] = []
    for mark in marks:
        ours.append(measure(workspace, mark, window, trial_s))
        theirs.append(measure_callback(root / "callback", mark, n_rival))
        print(f"{ours[-1]}\n  {theirs[-1]}", file=sys.stderr, flush=True)
    storage = measure_mlflow_storage(root / "storage", marks[0], min(n_rival, 3))
    report = make_report(ours, theirs, storage)
    report.write(draw(ours, theirs))
    return report


def make_report(ours: Sequence[Cost], theirs: Sequence[RivalCost], storage: RivalCost) -> Report:
    """Make a row for each figure and mark, with its goal."""
    report = Report(
        "overhead",
        "The coordinator's cost, in ms",
        ("figure", "at trial", "hpsearch", "Optuna + MLflowCallback", "goal"),
    )
    at_100 = next((cost.cpu_s for cost in ours if cost.mark == 100), None)
    for cost, rival in zip(ours, theirs, strict=True):
        report.add(
            "worker's pause between trials",
            f"{cost.mark:,}",
            f"{_ms(cost.pause_s)} (longest {_ms(cost.longest_pause_s)})",
            _ms(rival.pause_s),
            judge(1000 * cost.pause_s, 100) if cost.mark <= 1000 else "",
        )
    for cost, rival in zip(ours, theirs, strict=True):
        goal = judge(1000 * cost.cpu_s, 250) if cost.mark == 100 else ""
        if cost.mark == 5000 and at_100:
            goal = judge(1000 * cost.cpu_s, round(2000 * at_100))
        cpu = (_ms(cost.cpu_s), _ms(rival.cpu_s))
        report.add("CPU for each trial", f"{cost.mark:,}", *cpu, goal)
    for cost in ours:
        goal = judge(1000 * cost.open_s, 3000) if cost.mark == 5000 else ""
        report.add("opening the journal", f"{cost.mark:,}", _ms(cost.open_s), "", goal)
    for cost in ours:
        goal = judge(1000 * cost.status_s, 3000) if cost.mark == 5000 else ""
        report.add("hpsearch status", f"{cost.mark:,}", _ms(cost.status_s), "", goal)
    report.add(
        "MlflowStorage: pause / CPU",
        f"{ours[0].mark:,}",
        "",
        _ms(storage.pause_s) + " / " + _ms(storage.cpu_s),
        "",
    )
    return report


def draw(ours: Sequence[Cost], theirs: Sequence[RivalCost]) -> Figure:
    """Draw pause and CPU time over the number of trials."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    marks = [cost.mark for cost in ours]
    for axes, name, goal in zip(
        figure.subplots(1, 2), ("pause_s", "cpu_s"), (100, 250), strict=True
    ):
        for label, costs in (("hpsearch", ours), ("Optuna + MLflowCallback", theirs)):
            axes.plot(marks, [1000 * getattr(cost, name) for cost in costs], "o-", label=label)
        axes.axhline(goal, color="grey", linestyle=":", label="goal")
        axes.set(xscale="log", yscale="log", xlabel="trials in the study", ylabel="ms")
    figure.axes[0].set_title("a worker's pause between two trials")
    figure.axes[1].set_title("CPU for each trial")
    figure.axes[0].legend(frameon=False)
    return figure


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}"


if __name__ == "__main__":
    main()
