"""Coverage and bias of corrections for selection bias, in simulated studies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from benchmarks.contests import Cell, Contest, Round, gather, play
from benchmarks.corrections import (
    correct_by_bbc,
    correct_by_hybrid,
    correct_by_scaled_bbc,
    keep_plain,
    project,
    resample,
    score_left_out,
)
from hpsearch.results.selection import estimate_winner

__all__ = [
    "BBC",
    "BBC_CONTEST",
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
# BBC-CV resamples, which takes far longer than the others, so it is compared here alone.
BBC_CONTEST = (300, 0.8)


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
    left_out: dict[Cell, list[NDArray[np.float64]]] = defaultdict(list)
    with_bbc = with_others and (contest.n_examples, contest.accuracy) == BBC_CONTEST
    for _ in range(n_repetitions):
        # The same in all cells, which are on the same examples: drawing takes longest.
        drawn = resample(contest.n_examples, rng) if with_bbc else None
        for cell, one in play(contest, cells, rng):
            if drawn is not None:
                left_out[cell].append(score_left_out(one.hits, drawn))
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
            intervals[BBC] = correct_by_bbc(np.array(left_out[cell]))
            intervals[SCALED_BBC] = correct_by_scaled_bbc(
                np.array(left_out[cell]), contest.n_examples
            )
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
    """By the contest's own figures: a run of a part gives the same as a run of all."""
    percents = (round(100 * share) for share in (contest.accuracy, contest.correlation))
    return np.random.SeedSequence((*seed, contest.n_examples, *percents))


def find_missed(found: Found) -> dict[Contest, list[Cell]]:
    """Where our estimate misses a goal."""
    missed: dict[Contest, list[Cell]] = defaultdict(list)
    for (contest, cell), figures in found.items():
        if not figures[OURS].is_met:
            missed[contest].append(cell)
    return dict(missed)
