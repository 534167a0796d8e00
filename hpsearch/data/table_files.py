"""Files of prepared tables: inputs, unscaled validation features, targets and the scaling."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.prepared import (
    SCALING_FILE,
    TRAIN_COORDINATES_FILE,
    TRAIN_LABELS_FILE,
    VALIDATION_COORDINATES_FILE,
    VALIDATION_FEATURES_FILE,
    VALIDATION_LABELS_FILE,
)
from hpsearch.data.scaling import fit_scaling, fit_target_scale
from hpsearch.data.selection import Selection
from hpsearch.data.tabular import TabularDataset
from hpsearch.metrics import Task

__all__ = ["make_table_files"]


def make_table_files(
    dataset: TabularDataset, selection: Selection
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Make the arrays to write, by file name, and the manifest entries computed from them.

    Parameters
    ----------
    dataset : TabularDataset
        All rows.
    selection : Selection
        Training and validation rows; the scaling is fitted on training rows alone.
    """
    rows, schema = dataset.rows, dataset.schema
    train, validation = rows.features[selection.train], rows.features[selection.validation]
    scaling = fit_scaling(train, schema.columns)
    targets = rows.targets[selection.train]
    facts: dict[str, Any] = {"target_scale": None}
    if schema.task == Task.REGRESSION:
        scale = fit_target_scale(targets.astype(np.float64))
        facts["target_scale"] = [scale.mean, scale.std]
    arrays = {
        TRAIN_COORDINATES_FILE: scaling.apply(train),
        TRAIN_LABELS_FILE: targets,
        VALIDATION_COORDINATES_FILE: scaling.apply(validation),
        VALIDATION_FEATURES_FILE: validation,
        VALIDATION_LABELS_FILE: rows.targets[selection.validation],
        SCALING_FILE: scaling.to_array(),
    }
    return arrays, facts
