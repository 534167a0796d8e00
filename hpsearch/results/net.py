"""A trained net with its preprocessing: raw images in, classes out."""

import base64
import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import Preprocessing
from hpsearch.hashing import hash_arrays
from hpsearch.net import Parameters
from hpsearch.training import Views, predict_labels, predict_over_views
from hpsearch.wording import shorten_number

__all__ = ["Net"]


@dataclass(frozen=True)
class Net:
    """A two-layer net that has been trained, and all that it needs to be used.

    Parameters
    ----------
    parameters : dict of float32 arrays
        W1 (n_inputs, H), b1 (H,), W2 (H, C), b2 (C,).
    preprocessing : Preprocessing
        From raw pixels to the net's inputs.
    image_shape : tuple of int
        Height, width, colours; their product is the number of pixels.
    class_names : tuple of str
        What the C classes are called.
    facts : dict
        Where it comes from: study, trial, hyperparameters, val_accuracy; plain JSON.
    """

    parameters: Parameters = field(repr=False)
    preprocessing: Preprocessing = field(repr=False)
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    facts: dict[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays by name: what is saved, and what `sha256` is over."""
        return {**self.parameters, **self.preprocessing.arrays()}

    def sha256(self) -> str:
        """The net's identity: equal nets, equal hash."""
        return hash_arrays(self.arrays())

    def predict(self, images: NDArray[np.uint8], views: Views | None = None) -> NDArray[np.int64]:
        """Classify raw images.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, C) or (N, H * W * C)
            Pixels as the camera gave them, 0 to 255.
        views : Views, optional
            Views of each image to average over; without, the image as it is decides. Scores
            of studies are always without.

        Returns
        -------
        int64 array, shape (N,)
            Indices into `class_names`.

        Raises
        ------
        ValueError
            If the images have another shape or type.
        """
        images = np.asarray(images)
        height, width, colours = self.image_shape
        n_pixels = self.preprocessing.n_pixels
        if images.dtype != np.uint8 or images.shape[1:] not in (self.image_shape, (n_pixels,)):
            raise ValueError(
                f"images: expected uint8 of shape (N, {height}, {width}, {colours}) or "
                f"(N, {n_pixels}), got {images.dtype} of shape {images.shape}"
            )
        if views:
            pictures = images.reshape(-1, *self.image_shape)
            return predict_over_views(self.parameters, pictures, self.preprocessing, views)
        return predict_labels(self.parameters, images.reshape(len(images), -1), self.preprocessing)

    def _repr_html_(self) -> str:
        """Where it comes from, and its first layer as pixels, for notebooks."""
        # matplotlib takes half a second to import, and workers must never import it.
        from hpsearch.plots import encode_png, weight_tiles

        W1 = self.preprocessing.to_pixels(self.parameters["W1"])
        png = encode_png(weight_tiles(W1, self.parameters["W2"], self.image_shape))
        facts = ", ".join(
            f"{name} {shorten_number(self.facts[name])}"
            for name in ("study", "trial", "val_accuracy")
            if name in self.facts
        )
        return (
            f"<b>{html.escape(facts)}</b><br>{W1.shape[1]} hidden units on"
            f" {' x '.join(map(str, self.image_shape))} pixels;"
            f" classes {html.escape(', '.join(self.class_names))}<br>"
            f'<img alt="First-layer weights, the strongest units first" width="480"'
            f' src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        )
