"""The simulation is what it says, and so are the methods that ours is compared with."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from benchmarks.corrections import (
    correct_by_bbc,
    correct_by_hybrid,
    correct_by_scaled_bbc,
    keep_plain,
    project,
    resample,
    score_left_out,
)
from benchmarks.coverage import OURS, PLAIN, find_missed, simulate, simulate_all
from benchmarks.scenarios import Cell, Scenario, both_below, simulate_selections, stack_repetitions
from benchmarks.selection import CELLS, SCENARIOS, report
from hpsearch.engine.selection.bias_correction import (
    EarlyScores,
    correct_for_selection,
    estimate_winner,
)
from hpsearch.engine.selection.noise import Noise


def test_the_grid_is_the_one_that_the_docs_name() -> None:
    assert len(SCENARIOS) == 4 * 3 * 2
    assert {cell.n_models for cell in CELLS} == {2, 5, 30, 100, 200}
    assert Cell(2, 0.0, 2) not in CELLS
    assert len(CELLS) == 4 * (1 + 2 + 3 * 3)


def test_simulated_models_are_as_good_and_as_alike_as_asked() -> None:
    scenario = Scenario(10_000, 0.8, 0.5, fidelity=0.4)
    cells = [Cell(20, 0.0, None), Cell(20, 3.0, None)]
    for cell, one in simulate_selections(scenario, cells, np.random.default_rng(0)):
        noise = stack_repetitions([one], 10_000)[1]
        assert noise.shared[0] == pytest.approx(0.5, abs=0.02)
        assert one.scores[1:].mean() == pytest.approx(0.8, abs=0.015)
        assert one.scores[0] == one.scores.max()
        assert one.truth == pytest.approx(0.8 + cell.lead * 0.004)


def test_the_kept_are_the_best_early_ones_and_their_luck_correlates_as_asked() -> None:
    scenario, pairs = Scenario(300, 0.8, 0.5, fidelity=0.9), []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        [(_, one)] = simulate_selections(scenario, [Cell(50, 0.0, 10)], rng)
        assert (one.kept.size, one.pruned.size) == (10, 40)
        assert one.kept.min() >= one.pruned.max()
        [(_, all_kept)] = simulate_selections(
            scenario, [Cell(50, 0.0, 49)], np.random.default_rng(seed)
        )
        own = [values - values.mean() for values in (all_kept.kept, all_kept.scores)]
        pairs.append(np.corrcoef(*own)[0, 1])
    # Hits correlate less than the numbers that they come from.
    assert 0.6 < np.mean(pairs) < 0.9


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_chance_that_two_numbers_are_below_is_that_of_scipy(correlation: float) -> None:
    x = np.linspace(-4, 4, 9)
    normal = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
    expected = [normal.cdf([one, one - 0.3]) for one in x]
    assert both_below(x, x - 0.3, correlation) == pytest.approx(np.array(expected), abs=1e-6)


def _describe(late: np.ndarray, early: np.ndarray) -> np.ndarray:
    """Moments of final and early accuracies of the models of many studies, shape (R, K)."""
    own = [one - one.mean(axis=1, keepdims=True) for one in (late, early)]
    shared = [one.mean(axis=1) for one in (late, early)]
    return np.array(
        [
            late.mean(),
            early.mean(),
            own[0].std(),
            own[1].std(),
            (own[0] * own[1]).mean() / (own[0].std() * own[1].std()),
            shared[0].std(),
            np.corrcoef(shared[0], shared[1])[0, 1],
        ]
    )


def test_one_number_for_each_example_gives_the_same_studies_as_drawing_luck_twice() -> None:
    """One draw decides whether a model is correct at the end and earlier; noise is not drawn."""
    scenario, n_studies, n_models = Scenario(50, 0.8, 0.5, fidelity=0.6), 1000, 20
    rng = np.random.default_rng(0)
    cell = Cell(n_models, 0.0, n_models - 1)
    repetitions = [
        one for _ in range(n_studies) for _, one in simulate_selections(scenario, [cell], rng)
    ]
    found = _describe(
        np.array([one.scores for one in repetitions]), np.array([one.kept for one in repetitions])
    )
    # 0.5 is the correlation of the hits; of the numbers behind them it is 0.7464.
    difficulty = np.sqrt(0.7464) * rng.standard_normal((n_studies, 1, 50))
    luck, fresh = rng.standard_normal((2, n_studies, n_models, 50))
    late = (luck * np.sqrt(1 - 0.7464) < ndtri(0.8) + difficulty).mean(axis=2)
    early_luck = 0.6 * luck + 0.8 * fresh
    early = (early_luck * np.sqrt(1 - 0.7464) < ndtri(0.8) - 0.15 + difficulty).mean(axis=2)
    # The worst of the earlier version is pruned.
    order = np.argsort(-early, axis=1, kind="stable")[:, :-1]
    kept = [np.take_along_axis(one, order, axis=1) for one in (late, early)]
    assert found == pytest.approx(_describe(*kept), abs=0.006)


def test_many_studies_at_once_are_estimated_as_one_by_one() -> None:
    scenario, rng = Scenario(300, 0.8, 0.5), np.random.default_rng(0)
    repetitions = [
        one for _ in range(5) for _, one in simulate_selections(scenario, [Cell(30, 2.0, 10)], rng)
    ]
    scores, noise, kept, pruned = stack_repetitions(repetitions, 300)
    together = np.array(estimate_winner(scores, noise, (kept, pruned))).T
    for one, expected in zip(repetitions, together, strict=True):
        found = correct_for_selection(one.hits, EarlyScores(one.kept, one.pruned))
        assert (found.low, found.val_score, found.high) == pytest.approx(tuple(expected))


def _noise(n_studies: int, shared: float) -> Noise:
    """Of scores with standard error 1."""
    own = np.full(n_studies, (1 - shared) ** 0.5)
    return Noise(own, np.full(n_studies, shared), 1, np.ones(n_studies))


def _draw(n_studies: int, n_models: int, shared: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    own, common = rng.normal(size=(n_studies, n_models)), rng.normal(size=(n_studies, 1))
    scores = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    # The best first, and the others in no order, as in the simulation.
    return np.take_along_axis(scores, np.argsort(scores != scores.max(axis=1, keepdims=True)), 1)


@pytest.mark.parametrize("beta", [0.0, 0.005])
def test_the_hybrid_is_median_unbiased_and_covers(beta: float) -> None:
    """Where it is exact, with normal scores of known covariance, the truth of all being 0."""
    low, middle, high = correct_by_hybrid(_draw(2000, 10, 0.5), _noise(2000, 0.5), beta)
    assert np.mean(middle > 0) == pytest.approx(0.5, abs=0.04)
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.95, abs=0.015)


def test_the_hybrid_covers_although_hits_are_counted_and_many_models_tie() -> None:
    scenario, rng = Scenario(50, 0.8, 0.5), np.random.default_rng(0)
    repetitions = [
        one
        for _ in range(200)
        for _, one in simulate_selections(scenario, [Cell(30, 0.0, None)], rng)
    ]
    scores, noise, *_ = stack_repetitions(repetitions, 50)
    low, _, high = correct_by_hybrid(scores, noise)
    assert np.mean((low <= 0.8) & (high >= 0.8)) > 0.92


def test_the_projection_covers_and_the_plain_interval_does_not() -> None:
    low, _, high = project(_draw(2000, 50, 0.5), _noise(2000, 0.5))
    assert np.mean((low <= 0) & (high >= 0)) > 0.95
    scenario = Scenario(300, 0.8, 0.5)
    figures = simulate(scenario, [Cell(100, 0.0, None)], np.random.SeedSequence(0), 60)
    [found] = figures.values()
    assert found[PLAIN].coverage < 0.8 < found[OURS].coverage
    assert found["BBC-CV"].bias < found[PLAIN].bias


def test_a_clear_leader_needs_no_correction() -> None:
    scores = np.array([[3.0, -30.0]])
    low, middle, high = correct_by_hybrid(scores, _noise(1, 0.5), 0.0)
    assert (low[0], middle[0], high[0]) == pytest.approx((1.04, 3, 4.96), abs=0.01)
    hits = np.random.default_rng(0).random((2, 300)) < [[0.9], [0.2]]
    left_out = score_left_out(hits, resample(300, np.random.default_rng(0)))[None, :]
    low, middle, high = correct_by_bbc(left_out)
    assert middle[0] == pytest.approx(hits[0].mean(), abs=0.01)
    # A score on the third that is left out varies more than one on all examples.
    scaled_low, scaled, scaled_high = correct_by_scaled_bbc(left_out, 300)
    assert scaled[0] == middle[0]
    assert scaled_high[0] - scaled_low[0] < 0.8 * (high[0] - low[0])
    assert keep_plain(np.array([[1.0, 0.5]]), _noise(1, 0.5))[1][0] == 1.0


def test_all_is_simulated_repeated_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, cells = Scenario(50, 0.97, 0.8), [Cell(5, 0.0, None), Cell(5, 3.0, 2)]
    found = simulate_all({scenario: cells}, (0, 0), 10)
    assert found.keys() == {(scenario, cell) for cell in cells}
    missed = [cell for cell in cells if not found[scenario, cell][OURS].is_met]
    assert find_missed(found) == ({scenario: missed} if missed else {})
    report(found, "title", tmp_path)
    printed = capsys.readouterr().out
    for name in ("selection", "selection_cells", "selection_missed"):
        assert (tmp_path / f"{name}.txt").read_text() in printed
