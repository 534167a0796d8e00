"""Test evaluation: of one model of a study, after the search. No other module opens the test split.

An evaluation is recorded before the split is opened and again when it is done, in the study's
record and in the workspace's ledger. Whatever happens in between, it is known for which net the
evaluation was spent, and only that net may finish it.
"""

import hashlib
import io
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets import TEST_FILE, PreparedData, read_manifest
from hpsearch.engine.evaluations import TestEvaluation, add_event, read_evaluations
from hpsearch.engine.models import Model
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.selection import mean_interval, wilson_interval
from hpsearch.foundations.errors import DamagedDataError, RefusedError
from hpsearch.foundations.metrics import ACCURACY

__all__ = ["evaluate_once"]

# The assignment scores its net on the first thousand test images.
N_FIRST = 1000


def evaluate_once(
    model: Model,
    data: PreparedData,
    search: SearchStudy,
    ledger: Path,
    *,
    again: bool = False,
) -> TestEvaluation:
    """Evaluate `model` on the test split, if permitted; a model is never evaluated twice.

    Parameters
    ----------
    model : Model
        The study's best model.
    data : PreparedData
        Prepared data with the test split.
    search : SearchStudy
        The study, locked by this process; its record has its evaluations.
    ledger : Path
        The workspace's ledger; created with the first evaluation.
    again : bool
        Whether to permit another evaluation, after the one that a study has.

    Returns
    -------
    TestEvaluation
        The new evaluation, or the one that this model had before.

    Raises
    ------
    RefusedError
        If another model was evaluated, or its evaluation begun.
    DamagedDataError
        If the ledger or the test split is damaged.
    StoreError
        If the ledger cannot be read or written; the test split is then not opened.
    """
    _refuse_older_ledger(search, ledger)
    known = read_evaluations(search, ledger)
    sha256 = model.sha256()
    begun = {"test_sha256": _test_checksum(data), "net_sha256": sha256}
    if (done := known.find(sha256)) is not None:
        # Ledger and record may each lack an event after a crash.
        add_event(search, ledger, "begun", begun)
        add_event(search, ledger, "scored", _describe(done))
        return done
    is_own = sha256 in known.begun
    if (known.begun or known.is_torn) and not is_own and not again:
        whom = f"model {known.begun[-1][:12]}" if known.begun else "an unknown model"
        raise RefusedError(
            f"{search.definition.name}: {whom} was evaluated on the test split, which is done once "
            f"per study; expected --evaluate-again to evaluate {sha256[:12]} too"
        )
    add_event(search, ledger, "begun", begun)
    examples, targets = _open_test_split(data)
    predicted, metric = model.predict(examples), model.schema.metric
    scores = metric.measure(targets, predicted)
    if metric is ACCURACY:
        scores["accuracy_first_1000"] = metric(targets[:N_FIRST], predicted[:N_FIRST])
        low, high = wilson_interval(int(np.sum(targets == predicted)), len(targets))
    else:
        low, high = mean_interval(metric.of_each(targets, predicted))
    evaluation = TestEvaluation(
        study=search.definition.name,
        **begun,
        n=len(targets),
        unit="images" if model.schema.image_shape else "rows",
        scores=scores,
        low=low,
        high=high,
    )
    add_event(search, ledger, "scored", _describe(evaluation))
    return evaluation


def _describe(evaluation: TestEvaluation) -> dict[str, object]:
    return {name: value for name, value in asdict(evaluation).items() if name != "study"}


def _refuse_older_ledger(search: SearchStudy, ledger: Path) -> None:
    """Refuse a study with evaluations in an older version's ledger, where they would not count."""
    older = ledger.parent / "studies" / search.definition.name / "test_ledger.jsonl"
    if older.exists():
        raise RefusedError(
            f"{older}: an older version kept the study's test evaluations there; expected "
            f"{ledger}: finish the study with that version, or start it in a new workspace"
        )


def _test_checksum(data: PreparedData) -> str:
    """Return the checksum of the file with the test inputs and targets."""
    checksum: str = read_manifest(data.folder)["files"][TEST_FILE]
    return checksum


def _open_test_split(data: PreparedData) -> tuple[NDArray[Any], NDArray[Any]]:
    path = data.folder / TEST_FILE
    expected = _test_checksum(data)
    try:
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise ValueError(f"a file with the SHA-256 {found} instead of {expected}")
        with np.load(io.BytesIO(content), allow_pickle=False) as members:
            return members["inputs"], members["targets"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedDataError(
            f"{path}: expected the test split, got {error}; "
            "delete the folder to have it prepared again"
        ) from error
