"""Corrections for selection bias, in simulated studies whose truth is known.

    python -m benchmarks.selection [--repetitions N] [--fidelity R]

Cells that seem to miss a goal are simulated again with other seeds and four times the repetitions:
the worst of 1,200 cells is the worst partly by luck.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.contests import Cell, Contest, Round, gather, play
from benchmarks.corrections import correct_by_bbc, correct_by_hybrid, keep_plain, project, resample
from benchmarks.reporting import RESULTS, Report
from hpsearch.results.selection import estimate_winner

__all__ = ["CELLS", "CONTESTS", "Figures", "make_cells", "simulate", "summarize"]

LEAST_COVERAGE, MOST_BIAS = 0.93, 0.5
OURS, PLAIN, BBC = "empirical Bayes (ours)", "plain, Wilson", "BBC-CV"
# BBC-CV resamples, which takes far longer than the others, so it is compared here alone.
BBC_CONTEST = (300, 0.8)

SIZES, ACCURACIES, CORRELATIONS = (50, 300, 1000, 10_000), (0.55, 0.8, 0.97), (0.5, 0.8)
N_MODELS, LEADS, N_KEPT = (2, 5, 30, 100, 200), (0.0, 1.0, 2.0, 3.0), (None, 10, 2)


def make_cells(n_models: Iterable[int] = N_MODELS) -> list[Cell]:
    """All selections; pruning to as many models as there are is none."""
    cells = (Cell(*one) for one in product(n_models, LEADS, N_KEPT))
    return [cell for cell in cells if cell.n_kept is None or cell.n_kept < cell.n_models]


CELLS = make_cells()
CONTESTS = [Contest(*one) for one in product(SIZES, ACCURACIES, CORRELATIONS)]


class Figures(NamedTuple):
    """One method in one cell; lengths in standard errors of one accuracy."""

    coverage: float
    bias: float
    error: float
    width: float

    @property
    def is_met(self) -> bool:
        return self.coverage >= LEAST_COVERAGE and abs(self.bias) <= MOST_BIAS


Found = dict[tuple[Contest, Cell], dict[str, Figures]]


def simulate(
    contest: Contest,
    cells: Sequence[Cell],
    seed: np.random.SeedSequence,
    n_repetitions: int,
    *,
    with_others: bool = True,
) -> Found:
    """Figures of every method in every cell of one contest."""
    rng = np.random.default_rng(seed)
    rounds: dict[Cell, list[Round]] = defaultdict(list)
    resampled: dict[Cell, list[tuple[float, float, float]]] = defaultdict(list)
    with_bbc = with_others and (contest.n_examples, contest.accuracy) == BBC_CONTEST
    for _ in range(n_repetitions):
        # The same in all cells, which are on the same examples: drawing takes longest.
        drawn = resample(contest.n_examples, rng) if with_bbc else None
        for cell, one in play(contest, cells, rng):
            if drawn is not None:
                resampled[cell].append(correct_by_bbc(one.hits, drawn))
            rounds[cell].append(replace(one, hits=one.hits[:0]))
    found: Found = {}
    for cell, played in rounds.items():
        scores, noise, kept, pruned = gather(played, contest.n_examples)
        truths = np.array([one.truth for one in played])
        early = (kept, pruned) if cell.n_kept else None
        intervals = {OURS: estimate_winner(scores, noise, early)}
        if with_others:
            intervals[PLAIN] = keep_plain(scores, noise)
            intervals["projection"] = project(scores, noise)
            intervals["AKM conditional"] = correct_by_hybrid(scores, noise, 0.0)
            intervals["AKM hybrid"] = correct_by_hybrid(scores, noise)
        if with_bbc:
            low, middle, high = np.array(resampled[cell]).T
            intervals[BBC] = low, middle, high
        found[contest, cell] = {
            name: _judge(*interval, truths, contest.standard_error)
            for name, interval in intervals.items()
        }
    return found


def _judge(
    low: NDArray[np.float64],
    estimate: NDArray[np.float64],
    high: NDArray[np.float64],
    truths: NDArray[np.float64],
    unit: float,
) -> Figures:
    errors = (estimate - truths) / unit
    # An end that is the truth itself covers it, whatever the last digit.
    covered = (low <= truths + 1e-9) & (truths <= high + 1e-9)
    return Figures(
        float(covered.mean()),
        float(np.median(errors)),
        float(np.abs(errors).mean()),
        float(((high - low) / unit).mean()),
    )


def simulate_all(
    contests: Mapping[Contest, Sequence[Cell]],
    seed: Sequence[int],
    n_repetitions: int,
    *,
    with_others: bool = True,
) -> Found:
    """`simulate` each contest, on all cores; the same whichever others there are."""
    # Large ones first, so that no core ends up alone with one.
    order = sorted(contests, key=lambda contest: -contest.n_examples)
    found = Parallel(n_jobs=-1)(
        delayed(simulate)(
            contest,
            contests[contest],
            _derive_seed(contest, seed),
            n_repetitions,
            with_others=with_others,
        )
        for contest in order
    )
    return {key: value for one in found for key, value in one.items()}


def _derive_seed(contest: Contest, seed: Sequence[int]) -> np.random.SeedSequence:
    percents = (round(100 * share) for share in (contest.accuracy, contest.correlation))
    return np.random.SeedSequence((*seed, contest.n_examples, *percents))


def find_missed(found: Found) -> dict[Contest, list[Cell]]:
    """Where our estimate misses a goal."""
    missed: dict[Contest, list[Cell]] = defaultdict(list)
    for (contest, cell), figures in found.items():
        if not figures[OURS].is_met:
            missed[contest].append(cell)
    return dict(missed)


def summarize(found: Iterable[dict[str, Figures]], name: str) -> list[str]:
    """A method over many cells, as a row of the table."""
    figures = [one[name] for one in found if name in one]
    coverages = np.array([one.coverage for one in figures])
    biases = np.array([one.bias for one in figures])
    n_met = sum(one.is_met for one in figures)
    return [
        name,
        f"{coverages.min():.3f}",
        f"{coverages.mean():.3f}",
        f"{np.sum(coverages < LEAST_COVERAGE):,}",
        f"{biases[np.abs(biases).argmax()]:+.2f}",
        f"{np.sum(np.abs(biases) > MOST_BIAS):,}",
        f"{np.mean([one.error for one in figures]):.2f}",
        f"{np.mean([one.width for one in figures]):.2f}",
        f"{n_met:,} of {len(figures):,} {'met' if n_met == len(figures) else 'MISSED'}",
    ]


COLUMNS = [
    "method",
    "coverage: lowest",
    "mean",
    "below 0.93",
    "median bias: largest",
    "above 0.5",
    "mean error",
    "width",
    "goals in cells",
]


def report(found: Found, repeated: Found, title: str, folder: Path) -> None:
    """Print the methods side by side, ours by cell, and where it misses."""
    table = Report("selection", f"{title}; lengths in standard errors", COLUMNS, folder)
    final = {**found, **{key: {**found[key], **one} for key, one in repeated.items()}}
    names = [OURS, PLAIN, "AKM conditional", "AKM hybrid", "projection"]
    for name in names:
        table.add(*summarize(final.values(), name))
    subset = [
        one
        for (contest, _), one in final.items()
        if (contest.n_examples, contest.accuracy) == BBC_CONTEST
    ]
    if subset:
        table.add("n = 300, accuracy 0.8:")
        for name in (BBC, *names):
            table.add(*summarize(subset, name))
    table.write()
    cells = Report(
        "selection_cells",
        "Ours: lowest coverage, and largest median bias, over n, accuracies and correlations",
        ["models, kept", *(f"lead {lead:g}" for lead in LEADS)],
        folder,
    )
    for n_models, n_kept in dict.fromkeys((cell.n_models, cell.n_kept) for _, cell in final):
        rows = [
            [one[OURS] for (_, cell), one in final.items() if cell == Cell(n_models, lead, n_kept)]
            for lead in LEADS
        ]
        cells.add(f"{n_models}, {n_kept or 'all'}", *(_describe_worst(row) for row in rows))
    cells.write()
    missed = Report(
        "selection_missed",
        "Ours: cells that miss a goal after their repetition",
        ["n, accuracy, correlation", "models, lead, kept", "coverage", "median bias"],
        folder,
    )
    for (contest, cell), one in final.items():
        if not one[OURS].is_met:
            missed.add(
                f"{contest.n_examples:,}, {contest.accuracy:g}, {contest.correlation:g}",
                f"{cell.n_models}, {cell.lead:g}, {cell.n_kept or 'all'}",
                f"{one[OURS].coverage:.3f}",
                f"{one[OURS].bias:+.2f}",
            )
    if not missed.rows:
        missed.add("none")
    missed.write()


def _describe_worst(figures: Sequence[Figures]) -> str:
    if not figures:
        return ""
    bias = max((one.bias for one in figures), key=abs)
    return f"{min(one.coverage for one in figures):.3f}, {bias:+.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=500, help="of each cell")
    parser.add_argument("--fidelity", type=float, default=0.3, help="of scores at pruning: 0 to 1")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="validation examples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args()
    contests = {
        replace(contest, fidelity=options.fidelity): CELLS
        for contest in CONTESTS
        if contest.n_examples in options.sizes
    }
    found = simulate_all(contests, (options.seed, 0), options.repetitions)
    repeated = simulate_all(
        find_missed(found), (options.seed, 1), 4 * options.repetitions, with_others=False
    )
    title = (
        f"The best of many models, corrected: {len(found):,} cells of {options.repetitions:,} "
        f"simulated studies, {len(repeated):,} repeated; fidelity {options.fidelity:g}"
    )
    report(found, repeated, title, options.folder)


if __name__ == "__main__":
    main()
