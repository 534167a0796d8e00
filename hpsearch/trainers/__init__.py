"""Trainers: the base class, how a study finds one, and those that ship with this package."""

from hpsearch.trainers.base import (
    EpochMetrics,
    Finding,
    Picture,
    Trainer,
    TrainingData,
    is_resumable,
)

__all__ = ["EpochMetrics", "Finding", "Picture", "Trainer", "TrainingData", "is_resumable"]
