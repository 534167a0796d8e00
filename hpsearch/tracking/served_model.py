"""The code that MLflow stores with a model and runs to serve it, by `hpsearch.load_model`.

Trainers may bring code of their own that needs less than this package.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

import hpsearch

__all__ = ["ServedModel"]


class ServedModel(PythonModel):
    """A model of any trainer, which takes raw images or rows of a table."""

    def load_context(self, context: Any) -> None:
        """Load the model with the trainer's class."""
        self._model = hpsearch.load_model(context.artifacts["net"])

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
        return np.asarray(self._model.predict(model_input))


set_model(ServedModel())
