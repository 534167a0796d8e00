"""Judgement of the best trial from the record and the validation predictions of all trials."""

import contextlib
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.engine.records import SELECTION, Confirmation, State, TrialRecord, rank
from hpsearch.engine.search import SearchStudy, read_confirmations
from hpsearch.engine.selection.bias_correction import EarlyScores, Estimate, correct_for_selection
from hpsearch.engine.selection.statistical_tests import compare_on_images, compare_scores
from hpsearch.engine.selection.verdict import Confirmed, RunnerUp, Selection, Verdict
from hpsearch.engine.trial_files import PREDICTIONS_FILE, load_predictions
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.metrics import ACCURACY

__all__ = ["judge_selection", "note_selection", "read_verdict"]


def judge_selection(
    records: Sequence[TrialRecord], folder: StudyFolder, targets: NDArray[Any]
) -> Selection | None:
    """Correct the best trial's score for selection bias, and compare it with the runner-up.

    Parameters
    ----------
    records : sequence of TrialRecord
        All trials.
    folder : StudyFolder
        Study folder with the validation predictions. Trials whose predictions are missing, or do
        not give the recorded score, are excluded.
    targets : int64 or float64 array, shape (M,)
        Targets of the validation examples: classes or numbers.

    Returns
    -------
    Selection or None
        None if no trial is complete.
    """
    best_first = rank(records)
    if not best_first:
        return None
    winner = best_first[0]
    bare = Selection(winner.number, winner.value or 0.0, len(best_first))
    by_number = sorted(best_first, key=lambda record: record.number)
    scores = {
        record.number: found
        for record in by_number
        if (found := _read_scores(record, folder, targets)) is not None
    }
    if winner.number not in scores:
        return bare
    compared = [record for record in by_number if record.number in scores]
    early = _gather_early(winner, compared, records)
    estimate = correct_for_selection(np.array(list(scores.values())), early)
    if winner.metric.sign < 0:
        estimate = estimate.negated()
    rival = next((record for record in best_first[1:] if record.number in scores), None)
    runner_up = _compare(scores, winner, rival) if rival else None
    return Selection(bare.number, bare.val_score, bare.n_complete, estimate, runner_up)


def note_selection(search: SearchStudy, selection: Selection | None) -> None:
    """Write `selection` to the record, unless it is there."""
    noted = asdict(selection) if selection else None
    if search.attribute(SELECTION) != noted:
        search.note(SELECTION, noted)


def read_verdict(search: SearchStudy) -> Verdict:
    """Read the verdict from the record; a selection among other trials than now is ignored."""
    noted: dict[str, Any] | None = search.attribute(SELECTION)
    best_first = rank(search.records())
    is_current = (
        noted is not None
        and noted["n_complete"] == len(best_first)
        and noted["number"] == best_first[0].number
    )
    return Verdict(
        _parse(noted) if noted and is_current else None,
        _gather(best_first, read_confirmations(search)),
        search.definition.metric,
    )


def _gather(
    best_first: Sequence[TrialRecord], confirmations: Iterable[Confirmation]
) -> list[Confirmed]:
    by_trial: dict[int, list[Confirmation]] = {}
    for one in confirmations:
        by_trial.setdefault(one.number, []).append(one)
    return [
        Confirmed(
            record.number,
            tuple(one.val_score for one in found if one.val_score is not None),
            sum(one.state != State.COMPLETE for one in found),
        )
        for record in best_first
        if (found := by_trial.get(record.number))
    ]


def _read_scores(
    record: TrialRecord, folder: StudyFolder, targets: NDArray[Any]
) -> NDArray[np.bool_] | NDArray[np.float64] | None:
    """Score each validation example (higher is better; bool for accuracy); None if not possible."""
    metric = record.metric
    with contextlib.suppress(FileNotFoundError, DamagedDataError):
        predicted = load_predictions(folder.trial(record.number) / PREDICTIONS_FILE)
        # Any others were left by an earlier study of the same name.
        if predicted.shape == targets.shape and metric(targets, predicted) == record.value:
            of_each = metric.of_each(targets, predicted)
            return of_each.astype(np.bool_) if metric is ACCURACY else metric.sign * of_each
    return None


def _gather_early(
    winner: TrialRecord, compared: Sequence[TrialRecord], records: Iterable[TrialRecord]
) -> EarlyScores | None:
    """Collect scores of complete and pruned trials at a common epoch.

    Trials are pruned at different epochs: each is represented by how far it was behind the winner
    then. A trial of fewer epochs is represented by its last score.
    """
    pruned = [
        record
        for record in records
        if record.state == State.PRUNED and not record.diverged and record.val_scores
    ]
    if not pruned or not all(record.val_scores for record in compared):
        return None
    n_epochs = statistics.median_low(len(record.val_scores) for record in pruned)
    leads = [
        _score_after(winner, len(record.val_scores)) - _score_after(record, len(record.val_scores))
        for record in pruned
    ]
    kept = np.array([_score_after(record, n_epochs) for record in compared])
    return EarlyScores(kept, _score_after(winner, n_epochs) - np.array(leads))


def _score_after(record: TrialRecord, n_epochs: int) -> float:
    """Return the validation score after at most `n_epochs` epochs, signed: higher is better."""
    return record.metric.sign * record.val_scores[:n_epochs][-1]


def _compare(scores: dict[int, NDArray[Any]], winner: TrialRecord, rival: TrialRecord) -> RunnerUp:
    first, second = scores[winner.number], scores[rival.number]
    if winner.metric is not ACCURACY:
        n_differ, p_value = compare_scores(first, second)
        return RunnerUp(rival.number, rival.value or 0.0, n_differ, p_value)
    pairing = compare_on_images(first, second)
    n_differ = pairing.n_first + pairing.n_second
    return RunnerUp(rival.number, rival.value or 0.0, n_differ, pairing.p_value)


def _parse(noted: dict[str, Any]) -> Selection:
    parts = {"estimate": Estimate, "runner_up": RunnerUp}
    return Selection(
        **noted | {name: kind(**noted[name]) for name, kind in parts.items() if noted[name]}
    )
