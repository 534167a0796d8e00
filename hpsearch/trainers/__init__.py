"""Trainers: the base class, how a study finds one, and those that ship with this package."""

from hpsearch.trainers.base import EpochMetrics, Finding, Picture, Trainer, TrainingData

__all__ = ["EpochMetrics", "Finding", "Picture", "Trainer", "TrainingData"]
