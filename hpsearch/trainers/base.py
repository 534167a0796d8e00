"""Base class of trainers: the interface between the engine and the models that it trains.

The engine owns the loop over epochs, the random generator, validation, pruning, checkpoints,
predictions and hashes. A trainer trains one epoch and returns its state.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.schema import Schema

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pydantic import BaseModel

__all__ = ["EpochMetrics", "Finding", "Picture", "Trainer", "TrainingData", "is_resumable"]

# Metrics of an epoch by name: one number each, or one number for each of its steps.
EpochMetrics: TypeAlias = Mapping[str, float | Sequence[float]]
# A figure, or an image, uint8 of shape (h, w, 3 or 4).
Drawing: TypeAlias = "Figure | NDArray[np.uint8]"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class TrainingData:
    """Training split, as an epoch of training sees it.

    Parameters
    ----------
    X : array, shape (N, D), read-only
        Examples: pixels of images, uint8, flattened height by width by colour; of a table float64,
        numbers and codes of categories, nan where a value is missing. Or what `Trainer.prepare`
        returned in their place as ``X``.
    y : int64 or float64 array, shape (N,), read-only
        Classes, in [0, n_classes); numbers for regression.
    epoch : int
        The epoch to train, 1 for the first.
    threads : int
        Number of threads that the epoch may use: the study's `threads_per_trial`.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    epoch: int = 1
    threads: int = 1

    def __len__(self) -> int:
        return len(self.y)

    def batches(
        self, size: int, rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield all examples once, `size` at a time, in an order drawn from `rng`.

        Parameters
        ----------
        size : int
            Number of examples of a batch; the last one may be smaller.
        rng : numpy.random.Generator
            The trainer's generator.

        Yields
        ------
        X, y : arrays, shapes (n, ...) and (n,)
            Copies, which may be changed.
        """
        order = rng.permutation(len(self.y))
        for start in range(0, len(order), size):
            # Ascending: adjacent rows of a memory-mapped file are read one after the other.
            rows = np.sort(order[start : start + size])
            yield self.X[rows], self.y[rows]


@dataclass(frozen=True)
class Picture:
    """A picture of a trained model.

    Parameters
    ----------
    drawing : Figure; uint8 array of shape (h, w, 3 or 4); or mapping
        A matplotlib figure, an image, or images by epoch.
    caption : str
        What it shows, in a sentence.
    """

    drawing: "Drawing | Mapping[int, Drawing]"
    caption: str = ""


@dataclass(frozen=True)
class Finding:
    """One finding of a diagnosis.

    Parameters
    ----------
    claim : str
        The observation and its interpretation.
    evidence : str
        The figures that support it.
    advice : str
        What to try that `changes` cannot express; empty if nothing is wrong.
    changes : mapping
        Hyperparameters to change: +1 for a higher value, -1 for a lower one. The page combines
        those of all findings, and checks them against the trials of the search.
    """

    claim: str
    evidence: str
    advice: str = ""
    changes: Mapping[str, int] = field(default_factory=dict)


class Trainer(ABC):
    """Training of one model with one setting of the hyperparameters, an epoch at a time.

    A subclass implements `train_epoch` and `predict`, and to make its trials resumable
    `state_dict` and `load_state_dict`. All else is optional. The same class loads a model for
    prediction: ``trainer = Class(hyperparameters, schema, None)``,
    ``trainer.load_state_dict(state)``, ``trainer.predict(X)``.

    Parameters
    ----------
    hyperparameters : mapping
        Values of all hyperparameters by name, ``epochs`` included.
    schema : Schema
        Shape of an example, columns and classes; no data.
    rng : numpy.random.Generator or None
        The only source of random numbers. The engine saves and restores its state. None if the
        model is loaded for prediction.

    Attributes
    ----------
    Hyperparameters : type of pydantic model, optional
        Declaration of the hyperparameters: types, bounds, defaults and descriptions. Without one
        the search space of the study file may name any.
    Settings : type of pydantic model, optional
        Declaration of the trainer's own keys in the table ``[trainer]`` of a study file.
    renamed : mapping
        Former names of hyperparameters, which are refused, and their present names.
    capacity : mapping
        Hyperparameters that change how closely the model can fit the training data: +1 if a higher
        value means a closer fit, -1 if it means a looser one.
    has_epochs : bool
        Whether training takes several epochs. If not, a trial is one call of `train_epoch`.
    model_file : str
        Name of the file with the model's arrays in an exported model.
    requirements : tuple of str
        Packages besides NumPy and safetensors that an exported model needs to predict.
    serving_code : Path, optional
        A module that serves an exported model in MLflow without this package. It may import only
        MLflow, NumPy, safetensors and `requirements`.
    prepared : mapping
        What `prepare` returned, memory-mapped. The engine sets it after construction wherever the
        study's data is at hand; empty for an exported model.
    """

    Hyperparameters: "ClassVar[type[BaseModel] | None]" = None
    Settings: "ClassVar[type[BaseModel] | None]" = None
    renamed: ClassVar[Mapping[str, str]] = _NOTHING
    capacity: ClassVar[Mapping[str, int]] = _NOTHING
    has_epochs: ClassVar[bool] = True
    model_file: ClassVar[str] = "model.safetensors"
    requirements: ClassVar[tuple[str, ...]] = ()
    serving_code: ClassVar[Path | None] = None

    prepared: Mapping[str, NDArray[Any]] = _NOTHING

    def __init__(
        self,
        hyperparameters: Mapping[str, Any],
        schema: Schema,
        rng: np.random.Generator | None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.schema = schema
        self.rng = rng

    @abstractmethod
    def train_epoch(self, data: TrainingData) -> EpochMetrics | None:
        """Train for one epoch.

        Parameters
        ----------
        data : TrainingData
            The training split.

        Returns
        -------
        mapping or None
            Metrics of the epoch by name, which are logged: a number each, or a sequence of numbers,
            one for each step; None if there are none. If any is nan or inf, training has diverged
            and the trial ends.
            ``train_loss`` and ``train_<metric>`` are drawn with the learning curves.
        """

    @abstractmethod
    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Predict examples.

        Parameters
        ----------
        X : array, shape (N, D)
            Examples as they are in the data set, pixels or columns, not prepared. The validation
            examples are the same array object after each epoch.

        Returns
        -------
        array
            For classification, shape (N, n_classes): probabilities, or scores, of which the largest
            decides; or classes, integers of shape (N,). For regression numbers, shape (N,).
        """

    def state_dict(self) -> Mapping[str, Any]:
        """Return all that `train_epoch` changes, except `rng`: arrays and plain values.

        Values may be NumPy arrays of real numbers or booleans, numbers, strings, booleans, None,
        and lists, tuples and dicts of such. Without this method a stopped trial starts again from
        its first epoch.
        """
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` or `model_state_dict` returned."""
        raise NotImplementedError

    def model_state_dict(self) -> Mapping[str, Any]:
        """Return the part of the state that `predict` needs: the model.

        It is hashed and exported. All of the state, unless a subclass leaves out what only
        training needs, such as an optimizer's. After `load_state_dict` of it `predict` must work
        without `prepared`.
        """
        return self.state_dict()

    @classmethod
    def with_settings(cls, settings: Mapping[str, Any]) -> "type[Trainer]":
        """Return the class for these settings; the engine calls it once, after loading the class.

        For trainers whose constructor or `has_epochs` depends on settings: they return a subclass
        that holds them.

        Parameters
        ----------
        settings : mapping
            The trainer's own keys in the study file.

        Raises
        ------
        ValueError
            In one line: what was given, and what was expected.
        """
        return cls

    @classmethod
    def check_installation(cls) -> None:
        """Check that training works on this machine; called once in each process that trains.

        Raises
        ------
        Exception
            Any; the study then stops, and no trial has failed.
        """

    @classmethod
    def versions(cls) -> Mapping[str, str]:
        """Return what the last bits of a result depend on besides Python and NumPy, by name."""
        return {}

    @classmethod
    def plan_preparation(
        cls, settings: Mapping[str, Any], space: Mapping[str, Sequence[Any]]
    ) -> Mapping[str, Any]:
        """Return what `prepare` depends on, as JSON values; empty if there is nothing to prepare.

        Parameters
        ----------
        settings : mapping
            The trainer's own keys in the study file.
        space : mapping
            For each hyperparameter the values that the study file names: the ends of its range,
            its choices, or its one value.
        """
        return {}

    @classmethod
    def prepare(
        cls, plan: Mapping[str, Any], schema: Schema, X: NDArray[Any], y: NDArray[Any]
    ) -> Mapping[str, NDArray[Any]]:
        """Derive arrays from the training examples, once for the whole study.

        They are kept beside the data, memory-mapped by the workers, and part of the study's
        identity.

        Parameters
        ----------
        plan : mapping
            What `plan_preparation` returned.
        schema : Schema
            Shape of an example, columns and classes.
        X, y : arrays, shapes (N, ...) and (N,)
            Training examples and their targets. With folds this is called for each fold, with
            those of the other folds.

        Returns
        -------
        mapping
            Arrays by name, for `prepared`. One named ``X``, with N rows, replaces the training
            examples in `TrainingData`.
        """
        return {}

    @classmethod
    def check_space(
        cls,
        settings: Mapping[str, Any],
        space: Mapping[str, Sequence[Any]],
        schema: Schema | None,
        prepared: Mapping[str, NDArray[Any]],
    ) -> None:
        """Check that the trainer can train on such data everywhere in the search space.

        Called when the study file is read, and again when the data are known.

        Parameters
        ----------
        settings, space : mapping
            As for `plan_preparation`.
        schema : Schema or None
            None while the data are not known.
        prepared : mapping
            What `prepare` returned; empty while the data are not known.

        Raises
        ------
        ValueError
            In one line: what was given, and what was expected.
        """

    @classmethod
    def estimate_bytes(
        cls,
        space: Mapping[str, Sequence[Any]],
        n_features: int,
        n_outputs: int,
    ) -> int:
        """Estimate the size of the largest saved state in a search space; 0 if unknown."""
        return 0

    def describe(self) -> str:
        """Describe the model in a few words, for the README of an exported model."""
        return f"A model of {type(self).__name__}"

    def explain_model(self) -> str:
        """Explain how other programs can use an exported model, in Markdown; empty if unknown."""
        return ""

    def figures(self, *, is_best: bool) -> Mapping[str, Picture]:
        """Draw the trained model: pictures by name of file, without suffix.

        Parameters
        ----------
        is_best : bool
            Whether it is the study's best model, for which more may be drawn.
        """
        return {}

    def diagnose(self, X: NDArray[Any], y: NDArray[Any]) -> Sequence[Finding]:
        """Diagnose the trained model on the validation examples `X` with targets `y`."""
        return ()


def is_resumable(trainer: type[Trainer]) -> bool:
    """Whether a trainer's state can be saved and restored: its trials resumed, its models kept."""
    return (
        trainer.state_dict is not Trainer.state_dict
        and trainer.load_state_dict is not Trainer.load_state_dict
    )
