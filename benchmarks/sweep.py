"""The assignment's sweep of 15 nets: this program against the notebook's loop, on two cores.

Both are timed from the start of their command to the end of the last net, loading the images
included, with nothing prepared. The loop runs in the better of two ways to use two cores: one
process whose BLAS has two threads, and two processes with one thread each. Its nets take 1,500
steps; ours take six epochs, which are 1,470 steps, and their time is scaled to 1,500.

    python -m benchmarks.sweep [--rounds 1] [--nets 15] [--iterations 1500]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeAlias

from matplotlib.figure import Figure

from benchmarks.images import find_images
from benchmarks.plain import SETTINGS
from benchmarks.reporting import RESULTS, Report, judge
from benchmarks.runs import run_command

OURS, THREADS, PROCESSES = "hpsearch, two workers", "loop, two threads", "loop, two processes"
GOAL = 4.0
# Steps that both sides are scaled to.
N_ITERATIONS = 1500 * len(SETTINGS)
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Sweep:
    """A sweep, or a part of one, by one side.

    Parameters
    ----------
    before_s : float
        From the command's start until the first net is trained.
    nets_s : float
        From there until the last net is done.
    n_iterations : int
        Steps of all nets.
    val_score : float
        Of the best net.
    """

    before_s: float
    nets_s: float
    n_iterations: int
    val_score: float

    @property
    def whole_s(self) -> float:
        """Time from the command's start to the end of 15 nets of 1,500 steps."""
        return self.before_s + self.nets_s * N_ITERATIONS / self.n_iterations


Round: TypeAlias = Mapping[str, Sweep]


def sweep_ours(n_nets: int) -> Sweep:
    """Run the first nets of ``studies/assignment_grid.toml`` in a new workspace."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        run = run_command("assignment_grid", "sweep", Path(scratch, "workspace"), 2, n_nets)
    best = max(trial.epochs[-1].val_score for trial in run.trials)
    return Sweep(run.began_s, run.search_s, run.n_iterations, best)


def sweep_plainly(n_processes: int, n_threads: int, n_nets: int, n_iterations: int) -> Sweep:
    """Run the loop in a new process."""
    command = [sys.executable, "-m", "benchmarks.plain", str(find_images().folder)]
    command += ["--processes", str(n_processes), "--threads", str(n_threads)]
    command += ["--nets", str(n_nets), "--iterations", str(n_iterations)]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    wall_s = time.perf_counter() - started
    result = json.loads(done.stdout)
    return Sweep(
        before_s=wall_s - result["sweep_s"],
        nets_s=result["sweep_s"],
        n_iterations=n_nets * n_iterations,
        val_score=result["val_accuracy"],
    )


def report(rounds: Sequence[Round], folder: Path) -> Report:
    """Print each side's time and the speed-up over the better loop; draw them."""
    seconds = {side: median(one[side].whole_s for one in rounds) for side in rounds[0]}
    best = min((THREADS, PROCESSES), key=lambda side: seconds[side])
    speed_up = median(one[best].whole_s / one[OURS].whole_s for one in rounds)
    table = Report(
        "sweep",
        f"{len(SETTINGS)} nets of 1,500 steps, 120 hidden units, on pixels, two cores; "
        f"medians of rounds: {len(rounds)}",
        ["side", "before", "the nets", "in all", "val_accuracy", "ours", "goal"],
        folder,
    )
    for side in rounds[0]:
        before_s = median(one[side].before_s for one in rounds)
        table.add(
            side,
            f"{before_s:.1f} s",
            f"{seconds[side] - before_s:.1f} s",
            f"{seconds[side]:.1f} s",
            f"{median(one[side].val_score for one in rounds):.3f}",
            f"{speed_up:.2f} times as fast" if side == best else "",
            judge(speed_up, GOAL, at_least=True) if side == best else "",
        )
    table.write(draw(seconds))
    return table


def draw(seconds: Mapping[str, float]) -> Figure:
    """Draw a bar for each side."""
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(seconds), list(seconds.values()))
    axes.invert_yaxis()
    axes.set(xlabel="seconds from the command to the end of the 15th net")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--nets", type=int, default=len(SETTINGS), help="fewer: times are scaled")
    parser.add_argument("--iterations", type=int, default=1500, help="of the loop's; likewise")
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    rounds = [
        {
            OURS: sweep_ours(options.nets),
            THREADS: sweep_plainly(1, 2, options.nets, options.iterations),
            PROCESSES: sweep_plainly(2, 1, options.nets, options.iterations),
        }
        for _ in range(options.rounds)
    ]
    report(rounds, options.folder)


if __name__ == "__main__":
    main()
