"""The verdict on the winner, from records and the predictions in the trials' folders."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.engine.records import SELECTION, Confirmation, State, TrialRecord
from hpsearch.engine.search import SearchStudy, note_confirmation
from hpsearch.engine.selection import Selection, judge_selection, note_selection, read_verdict
from hpsearch.engine.trial_files import PREDICTIONS_FILE, save_predictions
from hpsearch.engine.workspace import StudyFolder
from tests.engine.selection.test_best_model import _record

LABELS = np.random.default_rng(0).integers(0, 10, 200)
ACCURACIES = (0.5, 0.7, 0.65, 0.4)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path / "small")
    folder.create()
    return folder


@pytest.fixture
def predict(folder: StudyFolder) -> Callable[[int, float], TrialRecord]:
    """Record a complete trial that is right about so many images, and keep its predictions."""

    def make(number: int, accuracy: float) -> TrialRecord:
        rng = np.random.default_rng(number)
        wrong = rng.permutation(len(LABELS))[round(accuracy * len(LABELS)) :]
        predicted = LABELS.copy()
        predicted[wrong] = (predicted[wrong] + 1) % 10
        folder.trial(number).mkdir()
        save_predictions(folder.trial(number) / PREDICTIONS_FILE, predicted, 10)
        return _record(number, float(np.mean(predicted == LABELS)))

    return make


@pytest.fixture
def records(predict: Callable[[int, float], TrialRecord]) -> list[TrialRecord]:
    others = [_record(4, 0.99, State.PRUNED), _record(5, None, State.FAILED)]
    return [predict(number, value) for number, value in enumerate(ACCURACIES)] + others


def _judge(records: Sequence[TrialRecord], folder: StudyFolder) -> Selection:
    selection = judge_selection(records, folder, LABELS)
    assert selection is not None
    return selection


def test_the_winner_is_judged_beside_all_complete_trials(
    records: list[TrialRecord], folder: StudyFolder
) -> None:
    found = _judge(records, folder)
    assert (found.number, found.val_score, found.n_complete) == (1, 0.7, 4)
    assert found.estimate is not None
    assert (found.estimate.n_trials, found.estimate.n_images) == (4, 200)
    assert found.estimate.low < found.estimate.val_score < 0.7 < found.estimate.high
    assert found.runner_up is not None
    assert (found.runner_up.number, found.runner_up.val_score) == (2, 0.65)
    assert not found.runner_up.is_significant
    assert found == _judge(records[::-1], folder)


def test_pruned_trials_count_by_how_far_they_were_behind_the_winner_then(
    predict: Callable[[int, float], TrialRecord], folder: StudyFolder
) -> None:
    """The best of two that were left of sixty is so by more luck than the best of two."""
    curves = {0: (0.5, 0.68, 0.7), 1: (0.5, 0.66, 0.69)}
    complete = [
        dataclasses.replace(predict(number, curve[-1]), val_scores=curve)
        for number, curve in curves.items()
    ]

    def estimate(*accuracies: float, **changes: Any) -> float:
        pruned = _record(2, accuracies[-1] if accuracies else None, State.PRUNED)
        pruned = dataclasses.replace(pruned, val_scores=accuracies, **changes)
        found = _judge([*complete, *[pruned] * 58], folder).estimate
        assert found is not None
        assert (found.n_trials, found.n_images) == (2, 200)
        return found.val_score

    alone = _judge(complete, folder).estimate
    assert alone is not None
    # As good as the winner after one epoch; far behind it after two, and after four.
    assert estimate(0.45) < alone.val_score - 0.01
    assert estimate(0.3, 0.45) > estimate(0.45) + 0.01
    assert estimate(0.3, 0.4, 0.44, 0.45) == pytest.approx(alone.val_score, abs=0.004)
    assert estimate() == estimate(0.45, diverged=True) == alone.val_score


def test_a_clear_winner_differs_significantly_from_the_runner_up(
    predict: Callable[[int, float], TrialRecord], folder: StudyFolder
) -> None:
    found = _judge([predict(0, 0.5), predict(1, 0.8)], folder)
    assert found.runner_up is not None
    assert found.runner_up.is_significant


@pytest.mark.parametrize("how", ["gone", "damaged", "another length", "another accuracy"])
def test_trials_whose_predictions_are_of_no_use_are_left_out_and_counted(
    how: str, records: list[TrialRecord], folder: StudyFolder
) -> None:
    """As in studies of earlier versions, or by other hands."""
    path = folder.trial(2) / PREDICTIONS_FILE
    match how:
        case "gone":
            path.unlink()
        case "damaged":
            path.write_bytes(path.read_bytes()[:100])
        case "another length":
            save_predictions(path, LABELS[:-1], 10)
        case "another accuracy":
            save_predictions(path, LABELS, 10)
    found = _judge(records, folder)
    assert found.n_complete == 4
    assert found.estimate is not None
    assert found.estimate.n_trials == 3
    assert found.runner_up is not None
    assert found.runner_up.number == 0


def test_without_the_winners_predictions_nothing_is_claimed(
    records: list[TrialRecord], folder: StudyFolder
) -> None:
    (folder.trial(1) / PREDICTIONS_FILE).unlink()
    assert _judge(records, folder) == Selection(1, 0.7, 4)
    assert judge_selection(records[4:], folder, LABELS) is None


def test_a_verdict_is_read_as_it_was_noted_while_it_is_about_the_trials_there_are(
    records: list[TrialRecord], folder: StudyFolder, complete_study: SearchStudy
) -> None:
    selection = _judge(records, folder)
    assert read_verdict(complete_study).selection is None
    for noted in (selection, Selection(1, 0.7, 4), None):
        note_selection(complete_study, noted)
        assert read_verdict(complete_study).selection == noted
    note_selection(complete_study, selection)
    trial = complete_study.ask()
    assert read_verdict(complete_study).selection == selection
    complete_study.finish(trial, State.COMPLETE, 0.1)
    assert read_verdict(complete_study).selection is None
    assert complete_study.attribute(SELECTION)


def test_confirmations_are_gathered_by_trial_the_best_first(complete_study: SearchStudy) -> None:
    for number, replicate, value in ((2, 1, 0.6), (1, 2, 0.7), (1, 1, 0.5), (1, 3, None)):
        state = State.FAILED if value is None else State.COMPLETE
        one = Confirmation(number, replicate, state, value, None, 1.0, None)
        note_confirmation(complete_study, one)
    first, second = read_verdict(complete_study).confirmed
    assert (first.number, first.val_scores, first.n_lost) == (1, (0.5, 0.7), 1)
    assert first.mean == pytest.approx(0.6)
    assert first.spread == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert (second.number, second.mean, second.spread) == (2, 0.6, None)
