"""The verdict in words and figures."""

import pytest

from hpsearch.engine.selection import (
    Confirmed,
    RunnerUp,
    Selection,
    Verdict,
    describe_verdict,
    measure_uncertainty,
    measure_verdict,
)
from hpsearch.engine.selection.bias_correction import Estimate

ESTIMATE = Estimate(0.6812, 0.6678, 0.6943, 63, 5000)
RIVAL = RunnerUp(17, 0.6866, 1204, 0.7123)


def _first(selection: Selection) -> str:
    return describe_verdict(Verdict(selection))[0]


def test_a_verdict_gives_estimate_runner_up_and_confirmations() -> None:
    confirmed = [Confirmed(12, (0.682, 0.686), 0), Confirmed(17, (0.69,), 1)]
    verdict = Verdict(Selection(12, 0.687, 63, ESTIMATE, RIVAL), confirmed)
    assert describe_verdict(verdict) == [
        "val_accuracy 0.6870 (trial 12); 0.681 after correction for selection bias "
        "among 63 trials (95 % CI 0.668-0.694)",
        "not significantly different from trial 17 (0.6866; McNemar p = 0.71, "
        "1,204 discordant examples)",
        "confirmed on 2 fresh seeds: 0.684 +- 0.003",
        "trial 17 confirmed on 1 fresh seed: 0.690; 1 more diverged or failed",
    ]
    assert measure_verdict(verdict) == pytest.approx(
        {"val_accuracy_corrected": 0.6812, "confirmed_val_accuracy": 0.684}
    )
    assert measure_uncertainty(verdict) == pytest.approx(
        {
            "val_accuracy_corrected_low": 0.6678,
            "val_accuracy_corrected_high": 0.6943,
            "runner_up_p_value": 0.7123,
            "confirmed_spread": 0.004 / 2**0.5,
        }
    )


def test_a_significant_lead_is_called_better() -> None:
    selection = Selection(12, 0.687, 63, ESTIMATE, RunnerUp(17, 0.60, 900, 0.00012))
    line = describe_verdict(Verdict(selection))[1]
    assert line == "better than trial 17 (0.6000; McNemar p = 0.00012, 900 discordant examples)"


def test_the_score_of_a_single_trial_is_not_corrected() -> None:
    line = _first(Selection(0, 0.687, 1, Estimate(0.687, 0.674, 0.7, 1, 5000)))
    assert line == "val_accuracy 0.6870 (trial 0), the only complete trial (95 % CI 0.674-0.700)"


def test_missing_predictions_are_reported() -> None:
    assert "not corrected for selection bias among 63 trials: its" in _first(
        Selection(12, 0.687, 63)
    )
    assert "selection bias among 63 of 70 trials (95 % CI" in _first(
        Selection(12, 0.687, 70, ESTIMATE)
    )
    alone = Estimate(0.687, 0.674, 0.7, 1, 5000)
    assert "no other trial's validation predictions are kept (95 % CI" in _first(
        Selection(12, 0.687, 70, alone)
    )


def test_an_empty_verdict_has_neither_lines_nor_metrics() -> None:
    assert describe_verdict(Verdict()) == []
    assert measure_verdict(Verdict(None, [Confirmed(1, (), 2)])) == {}
    assert describe_verdict(Verdict(None, [Confirmed(1, (), 2)])) == [
        "trial 1 confirmed on 0 fresh seeds; 2 more diverged or failed"
    ]
