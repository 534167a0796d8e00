import numpy as np
import pytest

from hpsearch.trainers.two_layer_net.targets import TargetMaker

LABELS = np.array([0, 2, 1, 2])


def test_without_smoothing_targets_are_one_hot() -> None:
    targets = TargetMaker(3, 0.0, 0.0)(np.zeros((4, 3), np.float32), LABELS, _rng())
    np.testing.assert_array_equal(targets, np.eye(3, dtype=np.float32)[LABELS], strict=True)


def test_smoothing_spreads_probability_over_all_classes() -> None:
    targets = TargetMaker(5, 0.1, 0.0)(np.zeros((4, 3), np.float32), LABELS, _rng())
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(targets[1], [0.02, 0.02, 0.92, 0.02, 0.02], rtol=1e-6)


def test_images_and_labels_are_mixed_in_the_same_pairs_and_shares() -> None:
    """Each image is its own unit vector, so that mixtures can be recognised."""
    inputs = np.eye(4, dtype=np.float32)
    targets = TargetMaker(3, 0.0, 1.0)(inputs, LABELS, _rng())
    one_hot = np.eye(3, dtype=np.float32)[LABELS]
    np.testing.assert_allclose(targets, inputs @ one_hot, atol=1e-6)
    np.testing.assert_allclose(inputs.sum(axis=1), 1, rtol=1e-6)
    assert not np.array_equal(inputs, np.eye(4))


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    make, rng, shares = TargetMaker(2, 0.0, alpha), _rng(), []
    while len(shares) < 2000:
        targets = make(np.zeros((2, 1), np.float32), np.array([0, 1]), rng)
        shares.append(targets[0, 0])  # 1 if it was paired with itself
    variance = np.var([share for share in shares if share < 1])
    assert variance == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)
