"""Pictures of single trials and of the best model, drawn when they are asked for.

matplotlib takes half a second to import, so only the process that draws imports it.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TrialRecord
from hpsearch.engine.selection.best_model import load_trained
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    Epoch,
    load_checkpoint,
    load_history,
)
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import write_atomically
from hpsearch.trainers import Picture

__all__ = [
    "CURVES_FILE",
    "STEPS_FILE",
    "Pictures",
    "draw_best_model",
    "draw_trial",
    "list_pictures",
]

CURVES_FILE = "learning_curves.png"
STEPS_FILE = "iterations.csv"
# Why a trainer's pictures could not be drawn.
FAILURE_FILE = "figures_failed.txt"


@dataclass(frozen=True)
class Pictures:
    """Pictures that have been drawn.

    Parameters
    ----------
    files : list of Path
        Files that exist now.
    by_epoch : mapping
        Images by epoch, uint8 of shape (h, w, 3 or 4), by name.
    """

    files: list[Path]
    by_epoch: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)


def draw_trial(
    definition: StudyDefinition, record: TrialRecord, data: PreparedData, folder: Path
) -> list[Path]:
    """Draw a finished trial's curves, and the trainer's pictures of its model.

    With folds the model of the first is drawn.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    record : TrialRecord
        The trial.
    data : PreparedData
        The study's data.
    folder : Path
        The trial's folder.

    Returns
    -------
    list of Path
        The trial's pictures and tables; without a checkpoint none of the model, unless it was drawn
        while there was one.
    """
    from hpsearch.foundations.png import save_figure
    from hpsearch.report.curves import plot_learning_curves

    if epochs := load_history(folder / HISTORY_FILE):
        if any(epoch.step_metrics for epoch in epochs):
            write_atomically(folder / STEPS_FILE, _format_steps(epochs))
        own = data.folds[0] if data.folds else data
        _draw_model(definition, record, own, folder, folder, is_best=False)
        title = f"{definition.name}, trial {record.number}"
        save_figure(plot_learning_curves(epochs, title, record.metric), folder / CURVES_FILE)
    return list_pictures(folder)


def list_pictures(folder: Path) -> list[Path]:
    """List what `draw_trial` has written to a trial's folder; for most trials nothing."""
    found = (*folder.glob("*.png"), folder / STEPS_FILE, folder / FAILURE_FILE)
    return sorted(path for path in found if path.exists())


def draw_best_model(
    definition: StudyDefinition,
    record: TrialRecord,
    data: PreparedData,
    trained: Path,
    folder: Path,
) -> Pictures:
    """Draw the trainer's pictures of the best model.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    record : TrialRecord
        The best trial.
    data : PreparedData
        The study's data.
    trained : Path
        Folder with the model's checkpoint: the trial's, or its refit's.
    folder : Path
        Folder to write to; created if it does not exist.
    """
    folder.mkdir(exist_ok=True)
    return _draw_model(definition, record, data, trained, folder, is_best=True)


def _draw_model(
    definition: StudyDefinition,
    record: TrialRecord,
    data: PreparedData,
    trained: Path,
    folder: Path,
    *,
    is_best: bool,
) -> Pictures:
    from hpsearch.foundations.png import encode_drawing

    try:
        state = load_checkpoint(trained / CHECKPOINT_FILE).states[0]
    except (FileNotFoundError, DamagedDataError):
        return Pictures([])
    trainer = load_trained(definition, record, data, state)
    try:
        pictures: Mapping[str, Picture] = trainer.figures(is_best=is_best)
    except Exception as error:  # a user's code may raise any; curves are drawn nevertheless
        path = folder / FAILURE_FILE
        write_atomically(path, f"{type(error).__name__}: {error}\n".encode())
        return Pictures([path])
    files, by_epoch = [], {}
    for name, picture in pictures.items():
        if isinstance(picture.drawing, Mapping):
            by_epoch[name] = picture.drawing
        else:
            files.append(folder / f"{name}.png")
            write_atomically(files[-1], encode_drawing(picture.drawing))
    return Pictures(files, by_epoch)


def _format_steps(epochs: Sequence[Epoch]) -> bytes:
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.step_metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["iteration", "epoch", *names])
    iteration = 0
    for epoch in epochs:
        columns = [map("{:.6g}".format, epoch.step_metrics.get(name, ())) for name in names]
        for row in zip_longest(*columns, fillvalue=""):
            writer.writerow([iteration, epoch.number, *row])
            iteration += 1
    return text.getvalue().encode()
