"""A trained model, which predicts raw examples; test-time augmentation."""

import base64
import functools
import html
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema, encode_features
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TrainerSpec
from hpsearch.trainers.outputs import read_predictions, read_probabilities
from hpsearch.trainers.state import flatten_state, hash_state

__all__ = ["CROSS_VALIDATION", "Model", "TestTimeAugmentation"]

# Fact of a model that was refitted on the examples of all folds: its score in cross-validation.
CROSS_VALIDATION = "cross_validation"
# Examples at a time; limits memory.
_CHUNK = 1000


@dataclass(frozen=True)
class TestTimeAugmentation:
    """The copies of an image that predictions are averaged over, the image itself included.

    Parameters
    ----------
    horizontal_flip : bool
        Whether each copy is also flipped horizontally.
    max_shift : int
        All shifts by up to `max_shift` pixels in each direction are included.
    """

    horizontal_flip: bool = True
    max_shift: int = 0

    def make(self, images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """Yield each copy of all `images`, uint8 of shape (N, H, W, C), in turn."""
        border, (height, width) = self.max_shift, images.shape[1:3]
        padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), "reflect")
        shifts = range(-border, border + 1)
        for down, right in itertools.product(shifts, shifts):
            top, left = border - down, border - right
            view = padded[:, top : top + height, left : left + width]
            yield view
            if self.horizontal_flip:
                yield view[:, :, ::-1]


@dataclass(frozen=True)
class Model:
    """A trained model, with all that is needed to predict.

    Parameters
    ----------
    trainer : Trainer
        With the model loaded.
    spec : TrainerSpec
        Where its class comes from.
    schema : Schema
        Features of an example, and its target.
    facts : dict
        Origin of the model: study, trial, hyperparameters, validation score; plain JSON.
    """

    trainer: Trainer = field(repr=False)
    spec: TrainerSpec = field(repr=False)
    schema: Schema
    facts: dict[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by label; empty for regression."""
        return self.schema.class_names

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

    @functools.cached_property
    def state(self) -> Mapping[str, Any]:
        """The trainer's `model_state_dict`, which is saved and hashed."""
        return self.trainer.model_state_dict()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays of the model, by their path in `state`."""
        return flatten_state(self.state)[0]

    def sha256(self) -> str:
        """Hash the model: equal models have equal hashes."""
        return hash_state(self.state)

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
            Copies of each image to average over; without, the image as it is decides. Scores
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
        rows = self._read_examples(examples)
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        predict = functools.partial(self._predict_chunk, augmentation=augmentation)
        kind = np.int64 if self.class_names else np.float64
        return np.concatenate([predict(chunk) for chunk in chunks] or [np.empty(0, kind)])

    def predict_probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Predict class probabilities of pixels or columns, shape (N, D): shape (N, C)."""
        return read_probabilities(self.trainer.predict(rows), len(self.class_names))

    def _predict_chunk(
        self, rows: NDArray[Any], augmentation: TestTimeAugmentation | None
    ) -> NDArray[Any]:
        if augmentation is None or self.schema.image_shape is None:
            return read_predictions(self.trainer.predict(rows), self.schema, len(rows))
        copies = augmentation.make(rows.reshape(-1, *self.schema.image_shape))
        shares = [self.predict_probabilities(copy.reshape(rows.shape)) for copy in copies]
        return np.asarray(np.sum(shares, axis=0).argmax(axis=1), np.int64)

    def _read_examples(self, examples: Any) -> NDArray[Any]:
        """Return examples as rows, shape (N, D)."""
        columns, shape = self.schema.columns, self.schema.image_shape
        if shape is None and hasattr(examples, "columns"):
            return encode_features(examples, columns)
        n = self.schema.n_features
        if shape is None:
            features = np.asarray(examples, np.float64)
            if features.ndim != 2 or features.shape[1] != n:
                raise ValueError(
                    f"examples: expected a DataFrame or numbers of shape (N, {n}), got"
                    f" shape {features.shape}"
                )
            return features
        images = np.asarray(examples)
        if images.dtype != np.uint8 or images.shape[1:] not in (shape, (n,)):
            raise ValueError(
                f"images: expected uint8 of shape (N, {', '.join(map(str, shape))}) or (N, {n}), "
                f"got {images.dtype} of shape {images.shape}"
            )
        return images.reshape(len(images), n)

    def _repr_html_(self) -> str:
        """Show its origin, and the trainer's pictures of it, in notebooks."""
        facts = ", ".join(
            f"{name} {self.facts[name]}" for name in ("study", "trial") if name in self.facts
        )
        shown = [f"<b>{html.escape(f'{facts}, {self.val_score}')}</b>"]
        if self.class_names:
            shown.append(f"classes {html.escape(', '.join(self.class_names))}")
        # matplotlib takes half a second to import, and workers must never import it.
        from hpsearch.foundations.png import encode_drawing

        for picture in self.trainer.figures(is_best=False).values():
            if not isinstance(picture.drawing, Mapping):
                png = base64.b64encode(encode_drawing(picture.drawing)).decode()
                caption = html.escape(picture.caption)
                shown.append(f'<img alt="{caption}" width="480" src="data:image/png;base64,{png}">')
        return "<br>".join(shown)
