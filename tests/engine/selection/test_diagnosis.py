"""What is read off the curves of a training."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.selection import diagnose
from hpsearch.engine.trial_files import Epoch
from hpsearch.trainers import Finding


def _train(
    losses: Sequence[float], train: Sequence[float], val: Sequence[float]
) -> tuple[Epoch, ...]:
    parts = np.array_split(np.array(losses), len(val))
    return tuple(
        Epoch(
            n + 1,
            v,
            1.0,
            0.0,
            {"train_loss": float(part.mean()), "train_accuracy": t},
            {"iteration_loss": tuple(part.tolist())},
        )
        for n, (part, t, v) in enumerate(zip(parts, train, val, strict=True))
    )


@pytest.fixture
def claims(define: Callable[..., StudyDefinition]) -> Callable[..., str]:
    def read(epochs: Sequence[Epoch] = (), found: Sequence[Finding] = (), **setting: Any) -> str:
        base = {"learning_rate": 0.01, "learning_rate_decay": 0.95, "reg": 1e-4, "epochs": 4}
        base |= {"hidden_size": 12, "batch_size": 50, "initial_std": 0.01}
        findings = diagnose(epochs, base | setting, define().search.space, found)
        return " ".join(f"{one.claim} {one.evidence} {one.advice}" for one in findings)

    return read


FLAT = [0.5] * 4


def test_the_assignments_first_net_learns_too_slowly(claims: Callable[..., str]) -> None:
    """Its loss, 2.303 to 1.951 over 1,000 steps, is what the notebook teaches this by."""
    said = claims(_train(np.linspace(2.303, 1.951, 1000), [0.25] * 4, [0.28] * 4))
    assert "straight line: the learning rate is low" in said
    assert "No gap between training and validation accuracy: the capacity is low" in said
    assert "2.244, 2.127 and 2.009" in said


def test_a_loss_that_levels_off_is_no_reason_for_a_higher_rate(claims: Callable[..., str]) -> None:
    said = claims(_train(np.exp(-np.linspace(0, 5, 300)), FLAT, FLAT))
    assert "levels off" in said
    assert "straight" not in said


def test_a_rising_loss_is_reported(claims: Callable[..., str]) -> None:
    assert "does not fall" in claims(_train(np.linspace(1, 2, 300), FLAT, FLAT))


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [(0.9, 0.5, "it overfits"), (0.55, 0.5, "in balance"), (0.99, 0.98, "little is left")],
)
def test_the_gap_between_training_and_validation_is_reported(
    train: float, val: float, said: str, claims: Callable[..., str]
) -> None:
    assert said in claims(_train([1.0] * 40, [train] * 4, [val] * 4))


def test_a_passed_peak_and_a_continuing_rise_are_reported(
    claims: Callable[..., str],
) -> None:
    losses, train = [1.0] * 40, [0.6] * 10
    passed = [0.3, 0.4, 0.5, 0.56, 0.57, 0.57, 0.55, 0.53, 0.5, 0.5]
    assert "past its peak" in claims(_train(losses, train, passed))
    assert "still rising" in claims(_train(losses, train, sorted(passed)))
    settled = [*sorted(passed)[:-4], *[0.55] * 4]
    assert "rising" not in claims(_train(losses, train, settled))


@pytest.mark.parametrize(
    ("setting", "is_told"),
    [
        ({"learning_rate": 0.098}, True),
        ({"learning_rate": 0.0031}, True),
        ({"learning_rate": 0.01}, False),
        ({"hidden_size": 24}, True),
    ],
)
def test_values_at_the_edge_of_the_space_are_reported(
    setting: dict[str, Any], is_told: bool, claims: Callable[..., str]
) -> None:
    assert ("edge of the search space" in claims(reg=3e-4, **setting)) is is_told


def test_what_the_trainer_finds_is_reported_between_curves_and_edges(
    claims: Callable[..., str],
) -> None:
    found = [Finding("Two trees are equal.", "Numbers 3 and 7.", "Try fewer.")]
    said = claims(_train(np.linspace(1, 2, 300), FLAT, FLAT), found, learning_rate=0.098)
    order = ["does not fall", "Two trees are equal. Numbers 3 and 7. Try fewer.", "at the edge"]
    assert sorted(order, key=said.index) == order


def test_a_trainer_that_measures_little_is_diagnosed_by_its_validation_curve_alone(
    claims: Callable[..., str],
) -> None:
    rising = [0.3, 0.4, 0.5, 0.6, 0.7]
    epochs = [Epoch(n, score, 1.0, 0.0) for n, score in enumerate(rising, 1)]
    assert claims(epochs).startswith("The validation accuracy was still rising at the end.")
    assert "train" not in claims(epochs)
