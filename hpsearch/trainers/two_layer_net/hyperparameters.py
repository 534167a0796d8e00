"""Hyperparameters of the two-layer net: types, bounds, defaults and descriptions.

The search space of a study file, its documentation, MLflow's parameters and the axes of plots
follow from this declaration.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hpsearch.trainers.two_layer_net.preprocessing import Contrast, InputSettings

__all__ = ["Hyperparameters", "Optimizer", "Schedule"]

Optimizer = Literal["sgd", "nesterov", "adam"]
Schedule = Literal["exponential", "cosine"]


class Hyperparameters(BaseModel):
    """Hyperparameters of one trial.

    The first five are the assignment's. All others are techniques beyond it; their defaults
    switch them off, or are the assignment's values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(
        gt=0, description="Step size in the first epoch, or after the warm-up."
    )
    learning_rate_decay: float = Field(
        default=0.95,
        gt=0,
        description="Factor applied to the learning rate after each epoch of the exponential "
        "schedule.",
    )
    reg: float = Field(ge=0, description="Weight of `sum(W1**2) + sum(W2**2)` in the loss.")
    hidden_size: int = Field(ge=1, description="Number of hidden units.")
    epochs: int = Field(ge=1, description="Passes over the training examples.")
    batch_size: int = Field(
        default=200, ge=1, description="Examples per step; an epoch's last batch may be smaller."
    )
    initial_std: float = Field(
        default=1e-4, gt=0, description="Standard deviation of the weights before the first step."
    )
    initial_gain: float = Field(
        default=0.0,
        ge=0,
        description="If above 0, initial weights have He's standard deviations times this, in "
        "place of `initial_std`.",
    )
    receptive_field_radius: float = Field(
        default=0.0,
        ge=0,
        description="If above 0, initial weights are multiplied by Gaussian windows of at most "
        "this radius, in pixels.",
    )
    contrast_normalization: Contrast = Field(
        default="none",
        description="`global` divides all pixels by the standard deviation of one; `per_image` "
        "subtracts each image's mean and divides by its standard deviation.",
    )
    n_components: int = Field(
        default=0, ge=0, description="Components of the input transform that are kept; 0 for all."
    )
    whitening: float = Field(
        default=0.0,
        ge=0,
        description="Power p: each component is divided by `(variance + whitening_ridge) ** p`; "
        "0.5 whitens.",
    )
    whitening_ridge: float = Field(
        default=0.1, gt=0, description="See `whitening`; in mean variances of a pixel."
    )
    horizontal_flip: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Probability with which an image is flipped, left to right.",
    )
    max_shift: int = Field(
        default=0,
        ge=0,
        description="Largest shift of an image in each direction, in pixels; the border is "
        "reflected.",
    )
    cutout_size: int = Field(
        default=0,
        ge=0,
        description="Side, in pixels, of a square at a random place that is replaced by the mean "
        "image.",
    )
    mixup_alpha: float = Field(
        default=0.0,
        ge=0,
        description="Pairs of examples and their labels are mixed with weights from Beta(alpha, "
        "alpha).",
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the target that is spread evenly over all classes.",
    )
    input_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the inputs that is dropped in each step."
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the hidden units that is dropped in each step.",
    )
    soft_threshold: float = Field(
        default=0.0,
        ge=0,
        description="Soft threshold on the first layer after each epoch, as a share of its mean "
        "absolute weight in pixel space; it falls with the learning rate.",
    )
    optimizer: Optimizer = Field(default="sgd", description="`adam` has decoupled weight decay.")
    momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Momentum of `nesterov`; decay of the first moment of `adam`.",
    )
    schedule: Schedule = Field(
        default="exponential",
        description="`exponential` by epochs, or `cosine` by steps, down to 0.",
    )
    warmup_epochs: int = Field(
        default=0, ge=0, description="Epochs over which the learning rate rises from 0."
    )
    averaging_epochs: int = Field(
        default=0,
        ge=0,
        description="Epochs over which weights are averaged exponentially; 0 for the last "
        "weights alone.",
    )

    @property
    def inputs(self) -> InputSettings:
        """Preprocessing of the inputs that the hyperparameters ask for."""
        return InputSettings(
            contrast=self.contrast_normalization,
            n_components=self.n_components,
            whitening=self.whitening,
            ridge=self.whitening_ridge,
        )
