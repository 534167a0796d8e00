"""Coverage and bias of corrections for selection bias, in simulated studies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.corrections import (
    correct_by_bbc,
    correct_by_hybrid,
    correct_by_scaled_bbc,
    keep_plain,
    project,
    resample,
    score_left_out,
)
from benchmarks.scenarios import Cell, Repetition, Scenario, simulate_selections, stack_repetitions
from hpsearch.engine.selection.bias_correction import estimate_winner

__all__ = [
    "BBC",
    "BBC_SCENARIO",
    "LEAST_COVERAGE",
    "MOST_BIAS",
    "OURS",
    "PLAIN",
    "SCALED_BBC",
    "Figures",
    "Found",
    "find_missed",
    "simulate",
    "simulate_all",
]

LEAST_COVERAGE, MOST_BIAS = 0.93, 0.5
OURS, PLAIN = "empirical Bayes (ours)", "plain, Wilson"
BBC, SCALED_BBC = "BBC-CV", "BBC-CV, scaled"
# BBC-CV resamples, which is far slower than the others, so it is compared in this scenario only.
BBC_SCENARIO = (300, 0.8)


class Figures(NamedTuple):
    """Performance of one method in one cell, in standard errors of one accuracy.

    Parameters
    ----------
    coverage : float
        Share of intervals that contain the true accuracy.
    bias : float
        Median error of the estimate.
    error : float
        Mean absolute error of the estimate.
    width : float
        Mean length of the interval.
    """

    coverage: float
    bias: float
    error: float
    width: float

    @property
    def is_met(self) -> bool:
        return self.coverage >= LEAST_COVERAGE and abs(self.bias) <= MOST_BIAS


Found = dict[tuple[Scenario, Cell], dict[str, Figures]]


def simulate(
    scenario: Scenario,
    cells: Sequence[Cell],
    seed: np.random.SeedSequence,
    n_repetitions: int,
    *,
    with_others: bool = True,
) -> Found:
    """Simulate all cells of one scenario, and evaluate every method in each of them."""
    rng = np.random.default_rng(seed)
    repetitions: dict[Cell, list[Repetition]] = defaultdict(list)
    left_out: dict[Cell, list[NDArray[np.float64]]] = defaultdict(list)
    with_bbc = with_others and (scenario.n_examples, scenario.accuracy) == BBC_SCENARIO
    for _ in range(n_repetitions):
        # Shared by all cells, which have the same examples: drawing is the slowest part.
        drawn = resample(scenario.n_examples, rng) if with_bbc else None
        for cell, one in simulate_selections(scenario, cells, rng):
            if drawn is not None:
                left_out[cell].append(score_left_out(one.hits, drawn))
            repetitions[cell].append(replace(one, hits=one.hits[:0]))
    found: Found = {}
    for cell, played in repetitions.items():
        scores, noise, kept, pruned = stack_repetitions(played, scenario.n_examples)
        truths = np.array([one.truth for one in played])
        early = (kept, pruned) if cell.n_kept else None
        intervals = {OURS: estimate_winner(scores, noise, early)}
        if with_others:
            intervals[PLAIN] = keep_plain(scores, noise)
            intervals["projection"] = project(scores, noise)
            intervals["AKM conditional"] = correct_by_hybrid(scores, noise, 0.0)
            intervals["AKM hybrid"] = correct_by_hybrid(scores, noise)
        if with_bbc:
            intervals[BBC] = correct_by_bbc(np.array(left_out[cell]))
            intervals[SCALED_BBC] = correct_by_scaled_bbc(
                np.array(left_out[cell]), scenario.n_examples
            )
        found[scenario, cell] = {
            name: _evaluate(*interval, truths, scenario.standard_error)
            for name, interval in intervals.items()
        }
    return found


def _evaluate(
    low: NDArray[np.float64],
    estimate: NDArray[np.float64],
    high: NDArray[np.float64],
    truths: NDArray[np.float64],
    unit: float,
) -> Figures:
    errors = (estimate - truths) / unit
    # With a tolerance, as an end that equals the truth may differ in the last digit.
    covered = (low <= truths + 1e-9) & (truths <= high + 1e-9)
    return Figures(
        float(covered.mean()),
        float(np.median(errors)),
        float(np.abs(errors).mean()),
        float(((high - low) / unit).mean()),
    )


def simulate_all(
    scenarios: Mapping[Scenario, Sequence[Cell]],
    seed: Sequence[int],
    n_repetitions: int,
    *,
    with_others: bool = True,
) -> Found:
    """Simulate all scenarios on all cores; results do not depend on which others are included."""
    # Large ones first, to balance the load of the cores.
    order = sorted(scenarios, key=lambda scenario: -scenario.n_examples)
    found = Parallel(n_jobs=-1)(
        delayed(simulate)(
            scenario,
            scenarios[scenario],
            _derive_seed(scenario, seed),
            n_repetitions,
            with_others=with_others,
        )
        for scenario in order
    )
    return {key: value for one in found for key, value in one.items()}


def _derive_seed(scenario: Scenario, seed: Sequence[int]) -> np.random.SeedSequence:
    """Derive a seed from the scenario itself, so that a partial run reproduces the full run."""
    percents = (round(100 * share) for share in (scenario.accuracy, scenario.correlation))
    return np.random.SeedSequence((*seed, scenario.n_examples, *percents))


def find_missed(found: Found) -> dict[Scenario, list[Cell]]:
    """Find the cells in which our estimate misses a goal."""
    missed: dict[Scenario, list[Cell]] = defaultdict(list)
    for (scenario, cell), figures in found.items():
        if not figures[OURS].is_met:
            missed[scenario].append(cell)
    return dict(missed)
