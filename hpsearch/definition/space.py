"""The search space: what is searched, and what is off."""

from typing import Any

from hpsearch.definition.base import Table
from hpsearch.definition.parameter import (
    Choices,
    ContrastSpace,
    Count,
    FieldRadius,
    NotNegative,
    OptimizerSpace,
    Positive,
    PositiveCount,
    Range,
    ScheduleSpace,
    Share,
    ends,
)
from hpsearch.training import Hyperparameters

__all__ = ["SearchSpace"]


class SearchSpace(Table):
    """What is searched: a range, choices or a fixed value for each.

    The first five are the assignment's. All others are techniques beyond it; one that is left
    out is off.

    Parameters
    ----------
    learning_rate : float space, above 0
        Step size in the first epoch, or after the warm-up.
    learning_rate_decay : float space, above 0
        Factor applied to the learning rate after each epoch of the exponential schedule.
    reg : float space, at least 0
        Weight of the squared weights in the loss.
    hidden_size : int space, at least 1
        Hidden units.
    epochs : int space, at least 1
        Passes over the training images.
    initial_gain : float space, at least 0
        He's standard deviations times this for the first weights; 0 for `initial_std`.
    initial_field : float space, 0 or at least 0.5
        First weights are seen through windows of at most this radius, in pixels; 0 for none.
    contrast : name
        ``as_is``; ``scaled``: all pixels over the standard deviation of one; ``normalised``: each
        image less its mean, over its own standard deviation.
    components : int space, at least 0
        Components of the basis that are kept, strongest first; 0 for all.
    whitening : float space, at least 0
        Power p: components are divided by ``(variance + ridge) ** p``; 0.5 whitens.
    ridge : float space, above 0
        See `whitening`; in mean variances of a pixel.
    mirror : float space, 0 to below 1
        Probability with which an image is mirrored, left to right.
    max_shift : int space, at least 0
        Pixels that images are shifted by at most, with a reflected border.
    cutout : int space, at least 0
        Side of a square that the mean image covers at a random place.
    mixup : float space, at least 0
        Images and labels are mixed in pairs, with shares from Beta(mixup, mixup).
    label_smoothing : float space, 0 to below 1
        Share of the target that is spread over all classes.
    input_dropout, dropout : float space, 0 to below 1
        Shares of inputs, and of hidden units, left out at each step.
    soft_threshold : float space, at least 0
        Share of their mean size by which first weights, as pictures, are pulled to 0 after each
        epoch.
    optimizer : name
        ``sgd``, ``nesterov`` or ``adam`` (with decoupled weight decay).
    momentum : float space, 0 to below 1
        Of ``nesterov``; the first moment's decay of ``adam``.
    schedule : name
        ``exponential`` by epochs, or ``cosine`` by steps.
    warmup_epochs : int space, at least 0
        Epochs in which the learning rate rises from 0.
    averaging : int space, at least 0
        Epochs that the weights are averaged over; 0 for the last weights alone.
    """

    learning_rate: Positive
    learning_rate_decay: Positive = 0.95
    reg: NotNegative
    hidden_size: PositiveCount
    epochs: PositiveCount
    initial_gain: NotNegative = Hyperparameters.initial_gain
    initial_field: FieldRadius = Hyperparameters.initial_field
    contrast: ContrastSpace = Hyperparameters.contrast
    components: Count = Hyperparameters.components
    whitening: NotNegative = Hyperparameters.whitening
    ridge: Positive = Hyperparameters.ridge
    mirror: Share = Hyperparameters.mirror
    max_shift: Count = Hyperparameters.max_shift
    cutout: Count = Hyperparameters.cutout
    mixup: NotNegative = Hyperparameters.mixup
    label_smoothing: Share = Hyperparameters.label_smoothing
    input_dropout: Share = Hyperparameters.input_dropout
    dropout: Share = Hyperparameters.dropout
    soft_threshold: NotNegative = Hyperparameters.soft_threshold
    optimizer: OptimizerSpace = Hyperparameters.optimizer
    momentum: Share = Hyperparameters.momentum
    schedule: ScheduleSpace = Hyperparameters.schedule
    warmup_epochs: Count = Hyperparameters.warmup_epochs
    averaging: Count = Hyperparameters.averaging

    def searched(self) -> dict[str, Range[Any] | Choices[Any]]:
        """The hyperparameters that vary, in the order of the class."""
        return {
            name: space
            for name in type(self).model_fields
            if isinstance(space := getattr(self, name), Range | Choices)
        }

    def fixed(self) -> dict[str, float | str]:
        """The hyperparameters that do not vary, with their values."""
        searched = self.searched()
        return {
            name: getattr(self, name) for name in type(self).model_fields if name not in searched
        }

    def max_epochs(self) -> int:
        """The most epochs that any trial may have."""
        return int(ends(self.epochs)[1])

    def largest(self, name: str) -> float:
        """The largest value that the hyperparameter `name`, a number, may have."""
        return ends(getattr(self, name))[1]

    def may_be(self, name: str, value: str) -> bool:
        """Whether the hyperparameter `name`, a name, may be `value`."""
        space = getattr(self, name)
        return value in space.choices if isinstance(space, Choices) else bool(space == value)

    @property
    def changes_images(self) -> bool:
        """Whether trials may change images before they are projected or centred."""
        return (
            self.may_be("contrast", "normalised")
            or self.largest("mirror") > 0
            or self.largest("max_shift") > 0
            or self.largest("cutout") > 0
        )
