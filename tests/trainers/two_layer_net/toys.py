"""Twelve images and twelve rows of a table, to derive arrays from by hand."""

from dataclasses import asdict
from typing import Any

import numpy as np

from hpsearch.datasets import Column, Schema
from hpsearch.trainers.two_layer_net.basis import Basis
from hpsearch.trainers.two_layer_net.derived import derive_arrays
from hpsearch.trainers.two_layer_net.split import Split, make_split

__all__ = ["IMAGES", "LABELS", "SCHEMA", "TABLE", "make_plan", "make_toy_split"]

_RNG = np.random.default_rng(2)
# 2 by 3 pixels of 2 colours.
SCHEMA = Schema(image_shape=(2, 3, 2), class_names=("a", "b", "c"))
IMAGES = _RNG.integers(0, 256, (12, 12), dtype=np.uint8)
LABELS = _RNG.integers(0, 3, 12)

_COLUMNS = (Column("age"), Column("colour", "category", ("blue", "red")))
_ROWS = np.stack([_RNG.normal(40, 10, 12), np.arange(12) % 2], axis=1)
# Schema, examples and targets of tables, by what is predicted.
TABLE = {
    "class": (Schema(columns=_COLUMNS, class_names=("no", "yes")), _ROWS, np.arange(12) % 2),
    "number": (Schema(columns=_COLUMNS), _ROWS, _RNG.normal(100, 5, 12)),
}


def make_plan(basis: Basis | None = None, *, is_augmentable: bool = False) -> dict[str, Any]:
    """The trainer's plan for an input transform, and for images that are changed before steps."""
    return {"basis": asdict(basis) if basis else None, "is_augmentable": is_augmentable}


def make_toy_split(basis: Basis | None = None, *, is_augmentable: bool = False) -> Split:
    """The images, prepared as planned."""
    plan = make_plan(basis, is_augmentable=is_augmentable)
    derived = derive_arrays(plan, SCHEMA, IMAGES, LABELS)
    return make_split(SCHEMA, derived, derived.pop("X", IMAGES), LABELS)
