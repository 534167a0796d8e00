"""What is read off the curves of a training."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from hpsearch.definition import StudyDefinition
from hpsearch.results import Examination, diagnose
from hpsearch.training import Epoch, Hyperparameters


def _train(
    losses: Sequence[float], train: Sequence[float], val: Sequence[float]
) -> tuple[Epoch, ...]:
    parts = np.array_split(np.array(losses), len(val))
    return tuple(
        Epoch(n + 1, float(part.mean()), t, v, 0.1, 1.0, 0.0, tuple(part.tolist()))
        for n, (part, t, v) in enumerate(zip(parts, train, val, strict=True))
    )


@pytest.fixture
def claims(define: Callable[..., StudyDefinition]) -> Callable[..., str]:
    def read(
        epochs: Sequence[Epoch] = (), examination: Examination | None = None, **setting: Any
    ) -> str:
        base = {"learning_rate": 0.01, "learning_rate_decay": 0.95, "reg": 1e-4, "epochs": 4}
        base |= {"hidden_size": 12, "batch_size": 50, "initial_std": 0.01}
        hyperparameters = Hyperparameters(**base | setting)
        found = diagnose(epochs, hyperparameters, define().search.space, examination)
        return " ".join(f"{one.claim} {one.evidence} {one.advice}" for one in found)

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


def test_dead_units_are_reported_if_they_are_many(claims: Callable[..., str]) -> None:
    confusion = np.diag([700, 300])
    few, many = (Examination(confusion, (), 2_000, n_dead) for n_dead in (199, 400))
    assert "do nothing" not in claims(examination=few)
    said = claims(examination=many)
    assert "Of the hidden units 20% do nothing" in said
    assert "400 of 2,000 say the same of each of 1,000 images" in said
    assert "a lower learning_rate" in said
    assert "a lower soft_threshold" in claims(examination=many, soft_threshold=0.5)
