"""Arrays that the two-layer net derives from the training examples, once for a study.

Of images: their mean, the components of the input transform, and statistics for contrast
normalization; of tables the scaling of columns and target. With a transform the training images
are stored as its coefficients instead of pixels, unless they are augmented before each step.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import Schema
from hpsearch.foundations.metrics import Task
from hpsearch.trainers.two_layer_net.basis import Basis, Frequencies, load_basis
from hpsearch.trainers.two_layer_net.fitting import fit_training_images
from hpsearch.trainers.two_layer_net.scaling import fit_scaling, fit_target_scale

__all__ = ["derive_arrays", "plan_arrays"]


def plan_arrays(basis: Mapping[str, Any] | None, space: Mapping[str, Sequence[Any]]) -> Any:
    """Return what `derive_arrays` depends on besides the examples, as JSON values.

    Parameters
    ----------
    basis : mapping or None
        Input transform: `basis.load_basis` reads it; None for pixels.
    space : mapping
        For each hyperparameter the values that the study file names.
    """
    changes_images = "per_image" in space["contrast_normalization"] or any(
        max(space[name]) > 0 for name in ("horizontal_flip", "max_shift", "cutout_size")
    )
    return {"basis": basis, "is_augmentable": changes_images}


def derive_arrays(
    plan: Mapping[str, Any], schema: Schema, X: NDArray[Any], y: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Derive the arrays from the training examples.

    Parameters
    ----------
    plan : mapping
        Output of `plan_arrays`.
    schema : Schema
        Shape of an example, columns and classes.
    X, y : arrays, shapes (N, D) and (N,)
        Training examples and their targets.

    Returns
    -------
    dict
        Arrays by name, for `split.make_split`; ``X`` if rows are replaced.

    Raises
    ------
    ValueError
        If the transform has more components than an image has pixels.
    """
    if schema.image_shape is None:
        return _derive_from_table(schema, X, y)
    basis = load_basis(plan["basis"])
    _check_basis(basis, schema)
    # An integer sum has no rounding, so the mean is exact whatever the order of summing.
    mean_image = X.sum(axis=0, dtype=np.int64) / len(X)
    mean_square = np.einsum("ij,ij->", X, X, dtype=np.int64) / X.size
    return {
        **fit_training_images(X, mean_image, schema.image_shape, basis, plan["is_augmentable"]),
        "mean_image": mean_image,
        "pixel_std": np.array([np.sqrt(mean_square - np.mean(mean_image**2))]),
    }


def _derive_from_table(
    schema: Schema, X: NDArray[np.float64], y: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    scaling = fit_scaling(X, schema.columns)
    arrays: dict[str, NDArray[Any]] = {"X": scaling.apply(X), "scaling": scaling.to_array()}
    if schema.task == Task.REGRESSION:
        arrays |= fit_target_scale(y.astype(np.float64)).arrays()
    return arrays


def _check_basis(basis: Basis | None, schema: Schema) -> None:
    n_pixels = math.prod(schema.image_shape or ())
    if basis and basis.count and basis.count > n_pixels:
        key = "frequencies" if isinstance(basis, Frequencies) else "components"
        raise ValueError(
            f"trainer.basis.{key} must be at most {n_pixels}, the pixels of an image, "
            f"got {basis.count}"
        )
