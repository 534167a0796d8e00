"""Training targets: label smoothing, mixup, and standardised targets of a regression."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.first_layer import Inputs
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.scaling import TargetScale
from hpsearch.trainers.two_layer_net.split import Split

__all__ = ["NumberTargets", "TargetMaker", "make_target_maker"]

Float32 = NDArray[np.float32]


class TargetMaker:
    """Makes class probabilities from labels, and mixes examples in pairs.

    Parameters
    ----------
    n_classes : int
        C.
    label_smoothing : float
        Probability that is spread evenly over all classes. Szegedy et al. 2016, section 7.
    mixup : float
        Parameter of the Beta distribution of mixing weights; 0 for no mixing. Zhang et al. 2018,
        with one weight for a batch.
    """

    def __init__(self, n_classes: int, label_smoothing: float, mixup: float) -> None:
        shares = np.full((n_classes, n_classes), label_smoothing / n_classes, np.float32)
        np.fill_diagonal(shares, shares.diagonal() + np.float32(1 - label_smoothing))
        self._shares = shares
        self._mixup = mixup

    def __call__(
        self, inputs: Inputs, labels: NDArray[np.int64], rng: np.random.Generator
    ) -> Float32:
        """Return class probabilities, shape (n, C), each row of sum 1; `inputs` are mixed in place.

        With mixup, inputs must be float32, not packed pixels.
        """
        targets: Float32 = self._shares.take(labels, axis=0)
        if not self._mixup:
            return targets
        assert isinstance(inputs, np.ndarray)
        _mix_pairs(inputs, targets, self._mixup, rng)
        return targets


class NumberTargets:
    """Standardises the targets of a regression, and mixes examples in pairs.

    Parameters
    ----------
    scale : TargetScale
        Of the training targets.
    mixup : float
        See `TargetMaker`.
    """

    def __init__(self, scale: TargetScale, mixup: float) -> None:
        self._scale = scale
        self._mixup = mixup

    def __call__(
        self, inputs: Inputs, targets: NDArray[np.float64], rng: np.random.Generator
    ) -> Float32:
        """Return standardised targets, shape (n, 1); `inputs` are mixed in place."""
        scaled = self._scale.apply(targets)
        if self._mixup:
            assert isinstance(inputs, np.ndarray)
            _mix_pairs(inputs, scaled, self._mixup, rng)
        return scaled


def make_target_maker(split: Split, setting: Hyperparameters) -> TargetMaker | NumberTargets:
    """Return the target maker for classification or for regression, as `split` is."""
    if split.target_scale:
        return NumberTargets(split.target_scale, setting.mixup_alpha)
    return TargetMaker(split.n_classes, setting.label_smoothing, setting.mixup_alpha)


def _mix_pairs(inputs: Float32, targets: Float32, mixup: float, rng: np.random.Generator) -> None:
    share, partners = np.float32(rng.beta(mixup, mixup)), rng.permutation(len(targets))
    _mix(inputs, share, partners)
    _mix(targets, share, partners)


def _mix(rows: Float32, share: np.float32, partners: NDArray[np.int64]) -> None:
    others = rows.take(partners, axis=-2)
    others -= rows
    others *= 1 - share
    rows += others
