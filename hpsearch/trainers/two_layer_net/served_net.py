"""The code that MLflow stores with a net and runs to serve it.

It may import only NumPy, safetensors and MLflow: a serving environment has nothing else.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from safetensors.numpy import load_file

__all__ = ["ServedNet"]


class ServedNet(PythonModel):
    """A two-layer net that takes raw images, or rows of a table."""

    def load_context(self, context: Any) -> None:
        """Load the weights, the preprocessing, and the columns of a table."""
        folder = Path(context.artifacts["net"])
        self._net = load_file(folder / "net.safetensors")
        self._columns = []
        if "scaling" in self._net:
            self._columns = json.loads((folder / "manifest.json").read_text())["schema"]["columns"]

    # A bare ndarray: MLflow would infer a schema from a more precise hint; the signature has one.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        """Predict classes or numbers.

        Parameters
        ----------
        context : mlflow.pyfunc.PythonModelContext
            Not needed after loading.
        model_input : uint8 array, shape (N, H, W, C); float array, shape (N, D); or DataFrame
            Raw pixels, or rows.
        params : dict, optional
            Not used.

        Returns
        -------
        int64 or float64 array, shape (N,)
            Classes; numbers of a regression.
        """
        net = self._net
        inputs = self._scale(model_input) if "scaling" in net else self._centre(model_input)
        hidden = np.maximum(inputs @ net["W1"] + net["b1"], 0)
        scores = hidden @ net["W2"] + net["b2"]
        if "target_scale" in net:
            mean, std = net["target_scale"]
            return np.asarray(scores[:, 0].astype(np.float64) * std + mean)
        return np.asarray(scores.argmax(axis=1), np.int64)

    def _centre(self, images: Any) -> np.ndarray:
        net = self._net
        inputs = np.asarray(images, np.uint8).reshape(len(images), -1).astype(np.float32)
        if "contrast_floor" in net:
            inputs -= inputs.mean(axis=1, keepdims=True)
            inputs /= np.sqrt(inputs.var(axis=1, keepdims=True) + net["contrast_floor"])
        inputs -= net["mean_image"]
        return inputs @ net["components"] if "components" in net else inputs

    def _scale(self, rows: Any) -> np.ndarray:
        """Standardise numbers and encode categories one-hot, as `scaling.py` does."""
        parts = []
        for j, (column, scaling) in enumerate(
            zip(self._columns, self._net["scaling"].T, strict=True)
        ):
            values = rows[column["name"]].to_numpy() if hasattr(rows, "columns") else rows[:, j]
            mean, std, has_missing, _ = scaling
            if column["kind"] == "category":
                parts.append(_encode(values, column["categories"]))
                continue
            numbers = np.asarray(values, np.float64)
            is_missing = np.isnan(numbers)
            scaled = np.clip((numbers - mean) / std, -1e6, 1e6)
            parts.append(np.where(is_missing, 0, scaled)[:, np.newaxis])
            if has_missing:
                parts.append(is_missing[:, np.newaxis])
        return np.concatenate(parts, axis=1, dtype=np.float32)


def _encode(values: np.ndarray, categories: list[str]) -> np.ndarray:
    """Encode categories one-hot, given by name, or by code in an array of numbers."""
    names = np.arange(len(categories)) if values.dtype.kind == "f" else np.array(categories)
    texts = values if values.dtype.kind == "f" else np.array([str(value) for value in values])
    return np.asarray(texts[:, np.newaxis] == names)


set_model(ServedNet())
