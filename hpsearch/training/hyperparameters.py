"""Everything that shapes one training besides the data and the seed."""

from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal

from hpsearch.data import Contrast, InputSettings

__all__ = ["Hyperparameters", "Optimizer", "Schedule"]

Optimizer = Literal["sgd", "nesterov", "adam"]
Schedule = Literal["exponential", "cosine"]


@dataclass(frozen=True)
class Hyperparameters:
    """One setting. The first seven are the assignment's; all others are off unless given.

    Parameters
    ----------
    learning_rate : float
        Step size in the first epoch, or after the warm-up.
    learning_rate_decay : float
        Factor applied to the learning rate after each epoch of the exponential schedule.
    reg : float
        Weight of ``sum(W1**2) + sum(W2**2)`` in the loss.
    hidden_size : int
        Number of hidden units.
    epochs : int
        Passes over the training images.
    batch_size : int
        Images per step; an epoch's last batch may be smaller.
    initial_std : float
        Standard deviation of the weights before the first step.
    initial_gain : float
        If above 0, in place of `initial_std`: what He's standard deviations are multiplied by.
    initial_field : float
        If above 0, first weights are seen through windows of at most this radius, in pixels.
    contrast : str
        ``scaled``: all pixels over the standard deviation of one; ``normalised``: each image
        less its mean, over its own standard deviation.
    components : int
        Components of the basis that the net is fed, strongest first; 0 for all.
    whitening : float
        Power p: each component is divided by ``(variance + ridge) ** p``; 0.5 whitens.
    ridge : float
        See `whitening`; in mean pixel variances.
    mirror : float
        Probability with which an image is mirrored, left to right.
    max_shift : int
        Pixels by which an image is shifted at most, up, down, left or right; what comes in at
        the border is reflected.
    cutout : int
        Side of a square, in pixels, that the mean image covers at a random place.
    mixup : float
        Images and labels are mixed in pairs, with shares from Beta(mixup, mixup).
    label_smoothing : float
        Share of the target that is spread evenly over all classes.
    input_dropout, dropout : float
        Shares of inputs, and of hidden units, left out at each step.
    soft_threshold : float
        Share of their mean size by which the first weights, as pictures, are pulled to 0 after
        an epoch at the full learning rate; it falls as that does.
    optimizer : str
        ``sgd``, ``nesterov`` or ``adam``.
    momentum : float
        What of the last step is kept, with ``nesterov``; the first moment's decay with ``adam``.
    schedule : str
        ``exponential`` by epochs, or ``cosine`` by steps, down to 0.
    warmup_epochs : int
        Epochs in which the learning rate rises from 0.
    averaging : int
        Epochs that the weights are averaged over, exponentially; 0 for the last weights alone.
    """

    learning_rate: float
    learning_rate_decay: float
    reg: float
    hidden_size: int
    epochs: int
    batch_size: int
    initial_std: float
    initial_gain: float = 0.0
    initial_field: float = 0.0
    contrast: Contrast = "as_is"
    components: int = 0
    whitening: float = 0.0
    ridge: float = 0.1
    mirror: float = 0.0
    max_shift: int = 0
    cutout: int = 0
    mixup: float = 0.0
    label_smoothing: float = 0.0
    input_dropout: float = 0.0
    dropout: float = 0.0
    soft_threshold: float = 0.0
    optimizer: Optimizer = "sgd"
    momentum: float = 0.9
    schedule: Schedule = "exponential"
    warmup_epochs: int = 0
    averaging: int = 0

    def describe(self) -> dict[str, Any]:
        """The setting by names, without the techniques that are as they are unless given.

        Part of a trial's identity: a technique that is not used leaves it as it was before
        there was the technique.
        """
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default or field.default is MISSING
        }

    @property
    def inputs(self) -> InputSettings:
        """What is made of an image before the first layer."""
        return InputSettings(
            contrast=self.contrast,
            n_components=self.components,
            whitening=self.whitening,
            ridge=self.ridge,
        )
