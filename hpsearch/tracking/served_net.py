"""The code that MLflow stores with a net and runs to serve it.

It stands alone: NumPy, safetensors and MLflow are all that it may import, because that is all
that a serving environment has.
"""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from safetensors.numpy import load_file

__all__ = ["ServedNet"]


class ServedNet(PythonModel):
    """A two-layer net that takes raw images."""

    def load_context(self, context: Any) -> None:
        """Read the weights and the mean image."""
        self._net = load_file(Path(context.artifacts["net"]) / "net.safetensors")

    # A bare ndarray: MLflow would take any finer hint for a schema, and the signature has one.
    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        """Classify.

        Parameters
        ----------
        context : mlflow.pyfunc.PythonModelContext
            Not needed after loading.
        model_input : uint8 array, shape (N, H, W, C)
            Raw pixels.
        params : dict, optional
            Not used.

        Returns
        -------
        int64 array, shape (N,)
            Classes.
        """
        net = self._net
        images = np.asarray(model_input, np.uint8).reshape(len(model_input), -1)
        inputs = images.astype(np.float32)
        if "contrast_floor" in net:
            inputs -= inputs.mean(axis=1, keepdims=True)
            inputs /= np.sqrt(inputs.var(axis=1, keepdims=True) + net["contrast_floor"])
        inputs -= net["mean_image"]
        if "components" in net:
            inputs = inputs @ net["components"]
        hidden = np.maximum(inputs @ net["W1"] + net["b1"], 0)
        return np.asarray((hidden @ net["W2"] + net["b2"]).argmax(axis=1), np.int64)


set_model(ServedNet())
