"""Trained models: prediction, export to a folder and loading from it.

Nothing here imports Optuna, joblib or MLflow, and matplotlib only to draw.
"""

from hpsearch.engine.models.artifact import MANIFEST_FILE, export_model, load_model
from hpsearch.engine.models.trained_model import CROSS_VALIDATION, Model, TestTimeAugmentation

__all__ = [
    "CROSS_VALIDATION",
    "MANIFEST_FILE",
    "Model",
    "TestTimeAugmentation",
    "export_model",
    "load_model",
]
