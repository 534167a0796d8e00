"""Judging the winner by what the record and the trials' folders hold."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.errors import DamagedDataError
from hpsearch.records import SELECTION, Confirmation, State, TrialRecord, rank
from hpsearch.results.selection import Estimate, compare_on_images, correct_for_selection
from hpsearch.results.verdict import Confirmed, RunnerUp, Selection, Verdict
from hpsearch.search import SearchStudy, read_confirmations
from hpsearch.training import PREDICTIONS_FILE, load_predictions
from hpsearch.workspace import StudyFolder

__all__ = ["judge_selection", "note_selection", "read_verdict"]

# Third entry of the seed of the resamples; trainings and samplers use 0, 1 and 7.
_SELECTION_STREAM = 8


def judge_selection(
    seed: int, records: Sequence[TrialRecord], folder: StudyFolder, labels: NDArray[np.int64]
) -> Selection | None:
    """Judge the best complete trial by the predictions in the trials' folders.

    Parameters
    ----------
    seed : int
        The study's.
    records : sequence of TrialRecord
        All trials.
    folder : StudyFolder
        Where the predictions are. Trials without, or with others than those of the recorded
        accuracy, are left out of the comparison.
    labels : int64 array, shape (M,)
        The validation images' classes.

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
    hits = {
        record.number: found
        for record in sorted(best_first, key=lambda record: record.number)
        if (found := _read_hits(record, folder, labels)) is not None
    }
    if winner.number not in hits:
        return bare
    rng = np.random.default_rng([seed, 0, _SELECTION_STREAM])
    estimate = correct_for_selection(np.array(list(hits.values())), rng)
    rival = next((record for record in best_first[1:] if record.number in hits), None)
    runner_up = _compare(hits, winner, rival) if rival else None
    return Selection(bare.number, bare.val_accuracy, bare.n_complete, estimate, runner_up)


def note_selection(search: SearchStudy, selection: Selection | None) -> None:
    """Put `selection` into the record, unless it is there."""
    noted = asdict(selection) if selection else None
    if search.attribute(SELECTION) != noted:
        search.note(SELECTION, noted)


def read_verdict(search: SearchStudy) -> Verdict:
    """What the record says; a selection among other trials than there are now does not count."""
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
            tuple(one.val_accuracy for one in found if one.val_accuracy is not None),
            sum(one.state != State.COMPLETE for one in found),
        )
        for record in best_first
        if (found := by_trial.get(record.number))
    ]


def _read_hits(
    record: TrialRecord, folder: StudyFolder, labels: NDArray[np.int64]
) -> NDArray[np.bool_] | None:
    """Which images the trial's net is right about, if that is known."""
    with contextlib.suppress(FileNotFoundError, DamagedDataError):
        predicted = load_predictions(folder.trial(record.number) / PREDICTIONS_FILE)
        if predicted.shape == labels.shape:
            hits: NDArray[np.bool_] = predicted == labels
            # Others would be those of an earlier study of this name.
            if float(np.mean(hits)) == record.value:
                return hits
    return None


def _compare(
    hits: dict[int, NDArray[np.bool_]], winner: TrialRecord, rival: TrialRecord
) -> RunnerUp:
    pairing = compare_on_images(hits[winner.number], hits[rival.number])
    n_differ = pairing.n_first + pairing.n_second
    return RunnerUp(rival.number, rival.value or 0.0, n_differ, pairing.p_value)


def _parse(noted: dict[str, Any]) -> Selection:
    parts = {"estimate": Estimate, "runner_up": RunnerUp}
    return Selection(
        **noted | {name: kind(**noted[name]) for name, kind in parts.items() if noted[name]}
    )
