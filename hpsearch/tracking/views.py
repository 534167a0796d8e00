"""Content to be shown in MLflow, as plain values."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.engine.records import TrialRecord
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.text import redact

__all__ = ["NetView", "StudyView", "TrackingStore", "TrialView"]

_SQLITE = "sqlite:///"
# MAX_PATHNAME of SQLite's os_unix.c is 512, of which "-journal" takes eight.
_MAX_SQLITE_PATH = 504


@dataclass(frozen=True)
class TrackingStore:
    """Location of MLflow's tracking store and artifacts.

    Parameters
    ----------
    uri : str
        ``sqlite:///...``, or a server's ``http://...``.
    artifacts : Path or None
        Folder for artifacts; None leaves it to the server.
    """

    uri: str
    artifacts: Path | None

    @property
    def is_server(self) -> bool:
        """Whether the store is a tracking server, which stores the artifacts too."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The SQLite file that the URI names, absolute; None if it names none."""
        name = self.uri.removeprefix(_SQLITE).partition("?")[0]
        if not self.uri.startswith(_SQLITE) or name in ("", ":memory:"):
            return None
        return Path(name).absolute()

    @property
    def is_workspaces(self) -> bool:
        """Whether database and artifacts are in one folder, a workspace, and move with it."""
        database = self.database
        return bool(database and self.artifacts and database.parent == self.artifacts.parent)

    def check_path(self) -> None:
        """Check that SQLite can open a file at this path.

        Raises
        ------
        UsageError
            If the path is too long.
        """
        if self.database and (n_bytes := len(os.fsencode(self.database))) > _MAX_SQLITE_PATH:
            raise UsageError(
                f"{self.database}: SQLite opens paths of up to {_MAX_SQLITE_PATH} bytes, and this "
                f"one has {n_bytes}; give another folder with --workspace"
            )

    def shown(self) -> str:
        """Return the URI without its password."""
        return self.without_password(self.uri)

    def without_password(self, text: str) -> str:
        """Remove the URI's password from `text`."""
        return redact(text, self.uri)


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
        Figures and tables to attach.
    tags : mapping
        Further tags.
    """

    record: TrialRecord
    epochs: Sequence[Epoch] = ()
    files: Sequence[Path] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


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
        Final metrics of the study.
    files : sequence of Path
        Plots and tables to attach; replaced if they are there already.
    """

    status: str
    summary: str
    records: Sequence[TrialRecord] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class NetView:
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
