"""Content of a page, collected from the record and the study's folder."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.models import Model
from hpsearch.engine.records import State, TrialRecord, best_of
from hpsearch.engine.scheduling.study_data import check_training_data
from hpsearch.engine.search import SearchStudy, read_refits
from hpsearch.engine.selection import Verdict, find_best_model, load_fold_models, read_verdict
from hpsearch.engine.status import Status, read_status
from hpsearch.engine.trial_files import (
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Epoch,
    load_history,
    load_predictions,
)
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DamagedDataError, MachineError, RefusedError, UsageError

__all__ = ["Material", "gather"]


@dataclass(frozen=True)
class Material:
    """A study's present state.

    Parameters
    ----------
    search : SearchStudy
        The record.
    records : sequence of TrialRecord
        All trials by number.
    status : Status
        The study's status.
    verdict : Verdict
        Verdict on the best trial.
    best : TrialRecord or None
        The best complete trial so far.
    epochs : sequence of Epoch
        Epochs of the best trial; none if its history is lost.
    data : PreparedData or None
        The images; None if they are not in the workspace.
    model : Model or None
        Model of the best trial; with folds its setting trained on all examples.
    fold_models : sequence of Model
        Models of the folds of the best trial; none without folds, or if their checkpoint is gone.
    predictions : array or None
        Predictions of the best trial for the validation examples, with folds for all examples.
    model_lack : str
        Why there is no model.
    """

    search: SearchStudy
    records: Sequence[TrialRecord]
    status: Status
    verdict: Verdict
    best: TrialRecord | None
    epochs: Sequence[Epoch]
    data: PreparedData | None
    model: Model | None
    fold_models: Sequence[Model]
    predictions: NDArray[Any] | None
    model_lack: str

    @property
    def definition(self) -> StudyDefinition:
        """The study's definition."""
        return self.search.definition

    def of_state(self, state: State) -> list[TrialRecord]:
        """Return the trials in a state."""
        return [record for record in self.records if record.state == state]


def gather(search: SearchStudy, folder: StudyFolder, data: PreparedData | None) -> Material:
    """Read all content of the page; what is lost is left out, with the reason."""
    records = search.records()
    best = best_of(records)
    epochs: Sequence[Epoch] = ()
    model, lack = None, "no trial is complete yet"
    no_data = "the prepared images are not in the workspace"
    if data:
        try:
            check_training_data(search, data)
        except RefusedError as error:
            data, no_data = None, str(error)
    if best:
        try:
            epochs = load_history(folder.trial(best.number) / HISTORY_FILE)
            lack = no_data
            if data:
                refits = read_refits(search)
                model = find_best_model(search.definition, records, folder, data, refits)
                lack = ""
        except (DamagedDataError, MachineError, UsageError) as error:
            lack = str(error)
    models: Sequence[Model] = ()
    predictions = None
    if best and data:
        with contextlib.suppress(DamagedDataError, FileNotFoundError):
            predictions = load_predictions(folder.trial(best.number) / PREDICTIONS_FILE)
        with contextlib.suppress(DamagedDataError, MachineError, UsageError):
            models = load_fold_models(search.definition, best, folder, data) if data.folds else ()
    status, verdict = read_status(search, folder), read_verdict(search)
    return Material(
        search=search,
        records=records,
        status=status,
        verdict=verdict,
        best=best,
        epochs=epochs,
        data=data,
        model=model,
        fold_models=models,
        predictions=predictions,
        model_lack=lack,
    )
