"""Content to be shown in MLflow, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.engine.records import TrialRecord
from hpsearch.engine.trial_files import Epoch

__all__ = ["ModelView", "StudyView", "TrialView"]


@dataclass(frozen=True)
class TrialView:
    """A trial as it is to be shown in MLflow.

    Parameters
    ----------
    record : TrialRecord
        State, hyperparameters, times.
    epochs : sequence of Epoch
        All epochs so far.
    files : sequence of Path
        Pictures and tables to attach.
    """

    record: TrialRecord
    epochs: Sequence[Epoch] = ()
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class StudyView:
    """A study as it is to be shown in MLflow.

    Parameters
    ----------
    status : str
        MLflow's run status: RUNNING, FINISHED or KILLED.
    summary : str
        Markdown for the run's page.
    records : sequence of TrialRecord
        All trials, for the best so far.
    metrics : mapping
        Final scores of the study.
    tags : mapping
        Other results: intervals, p-values, counts. MLflow would draw a metric as a bar.
    files : sequence of Path
        Plots and tables to attach; replaced if they are there already.
    """

    status: str
    summary: str
    records: Sequence[TrialRecord] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class ModelView:
    """The best model as it is to be served by MLflow.

    Parameters
    ----------
    folder : Path
        Folder written by `hpsearch.engine.models.export_model`.
    sha256 : str
        Its identity; a model is registered once.
    trial : int
        Number of the trial that it comes from.
    example : uint8 array, shape (n, H, W, C); float array, shape (n, D); or DataFrame
        A few raw examples that show what `predict` takes.
    summary : str
        Markdown for the model's page.
    tags : mapping
        Tags of the model version.
    pictures : mapping
        Images by epoch, uint8 of shape (h, w, 3 or 4), by name.
    output_type : str
        Name of the dtype of predictions.
    is_refit : bool
        Whether it is the trial's setting trained on the examples of all folds.
    model_file : str
        Name of the file with its arrays.
    requirements : tuple of str
        Packages that its trainer needs to predict.
    serving_code : Path or None
        Module that serves it without this package; None for `hpsearch.load_model`.
    """

    folder: Path
    sha256: str
    trial: int
    example: Any
    summary: str
    tags: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    output_type: str = "int64"
    is_refit: bool = False
    model_file: str = "model.safetensors"
    requirements: tuple[str, ...] = ()
    serving_code: Path | None = None
