"""A trained net with its preprocessing, which predicts raw examples."""

import base64
import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Preprocessing, Scaling, Schema, TargetScale, encode_features
from hpsearch.hashing import hash_arrays
from hpsearch.net import Parameters
from hpsearch.training import (
    TestTimeAugmentation,
    predict,
    predict_labels,
    predict_with_augmentation,
)

__all__ = ["CROSS_VALIDATION", "Net"]

# Fact of a net that was refitted on the examples of all folds: its score in cross-validation.
CROSS_VALIDATION = "cross_validation"


@dataclass(frozen=True)
class Net:
    """A trained two-layer net, with all that is needed to predict.

    Parameters
    ----------
    parameters : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,).
    preprocessing : Preprocessing or Scaling
        Conversion of raw pixels, or columns of a table, to the net's inputs.
    schema : Schema
        Features of an example, and its target.
    facts : dict
        Origin of the net: study, trial, hyperparameters, validation score; plain JSON.
    target_scale : TargetScale, optional
        Scale of the target, for regression only.
    """

    parameters: Parameters = field(repr=False)
    preprocessing: Preprocessing | Scaling = field(repr=False)
    schema: Schema
    facts: dict[str, Any]
    target_scale: TargetScale | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label; empty for regression."""
        return self.schema.class_names

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and number of channels of an image.

        Raises
        ------
        ValueError
            If the net predicts tables.
        """
        if self.schema.image_shape is None:
            raise ValueError("expected a net for images, got one for tables")
        return self.schema.image_shape

    @property
    def val_score(self) -> str:
        """Name and value of its validation score, or of that in cross-validation, as text."""
        metric = self.schema.metric
        if judged := self.facts.get(CROSS_VALIDATION):
            value = metric.format(judged[metric.val_name])
            return (
                "trained on all examples but those for the test, so without a validation score of"
                f" its own; {metric.val_name} {value} in {judged['folds']}-fold cross-validation"
            )
        return f"{metric.val_name} {metric.format(self.facts.get(metric.val_name))}"

    @property
    def scores(self) -> dict[str, float]:
        """Validation score, or score of its hyperparameters in cross-validation, by name."""
        name = self.schema.metric.val_name
        if judged := self.facts.get(CROSS_VALIDATION):
            return {f"{CROSS_VALIDATION}_{name}": judged[name]}
        return {name: self.facts[name]}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name: those that are saved and that `sha256` hashes."""
        scale = self.target_scale.arrays() if self.target_scale else {}
        return {**self.parameters, **self.preprocessing.arrays(), **scale}

    def sha256(self) -> str:
        """Hash all arrays: equal nets have equal hashes."""
        return hash_arrays(self.arrays())

    def predict(
        self, examples: Any, augmentation: TestTimeAugmentation | None = None
    ) -> NDArray[np.int64] | NDArray[np.float64]:
        """Predict the class, or the number, of each example.

        Parameters
        ----------
        examples : uint8 array, shape (N, H, W, C) or (N, H * W * C); DataFrame; or float array
            Pixels as the camera gave them, 0 to 255. For a table a pandas DataFrame with its
            columns, or an array of shape (N, D) with their numbers and codes of categories.
        augmentation : TestTimeAugmentation, optional
            Views of each image to average over; without, the image as it is decides. Scores
            of studies are always without.

        Returns
        -------
        int64 or float64 array, shape (N,)
            Indices into `class_names`; numbers for regression.

        Raises
        ------
        ValueError
            If the examples have another shape or type.
        """
        if isinstance(self.preprocessing, Scaling):
            inputs = self.preprocessing.apply(self._read_features(examples))
            return predict(self.parameters, inputs, self.target_scale)
        return self._classify_images(np.asarray(examples), self.preprocessing, augmentation)

    def _read_features(self, examples: Any) -> NDArray[np.float64]:
        columns = self.schema.columns
        if hasattr(examples, "columns"):
            return encode_features(examples, columns)
        features = np.asarray(examples, np.float64)
        if features.ndim != 2 or features.shape[1] != len(columns):
            raise ValueError(
                f"examples: expected a DataFrame or numbers of shape (N, {len(columns)}), got"
                f" shape {features.shape}"
            )
        return features

    def _classify_images(
        self,
        images: NDArray[Any],
        preprocessing: Preprocessing,
        augmentation: TestTimeAugmentation | None,
    ) -> NDArray[np.int64]:
        height, width, colours = self.image_shape
        n_pixels = preprocessing.n_pixels
        if images.dtype != np.uint8 or images.shape[1:] not in (self.image_shape, (n_pixels,)):
            raise ValueError(
                f"images: expected uint8 of shape (N, {height}, {width}, {colours}) or "
                f"(N, {n_pixels}), got {images.dtype} of shape {images.shape}"
            )
        if augmentation:
            pictures = images.reshape(-1, *self.image_shape)
            return predict_with_augmentation(self.parameters, pictures, preprocessing, augmentation)
        return predict_labels(self.parameters, images.reshape(len(images), -1), preprocessing)

    def _repr_html_(self) -> str:
        """Show its origin, and for images its first layer as pictures, in notebooks."""
        facts = ", ".join(
            f"{name} {self.facts[name]}" for name in ("study", "trial") if name in self.facts
        )
        facts = f"<b>{html.escape(f'{facts}, {self.val_score}')}</b><br>"
        if not isinstance(self.preprocessing, Preprocessing):
            n_hidden = len(self.parameters["b1"])
            return f"{facts}{n_hidden} hidden units on {self.schema.n_features} columns"
        # matplotlib takes half a second to import, and workers must never import it.
        from hpsearch.plots import encode_png, weight_tiles

        W1 = self.preprocessing.to_pixels(self.parameters["W1"])
        png = encode_png(weight_tiles(W1, self.parameters["W2"], self.image_shape))
        return (
            f"{facts}{W1.shape[1]} hidden units on"
            f" {' x '.join(map(str, self.image_shape))} pixels;"
            f" classes {html.escape(', '.join(self.class_names))}<br>"
            f'<img alt="First-layer weights, the strongest units first" width="480"'
            f' src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        )
