"""A trial of cross-validation: a net for each fold, judged as one, resumed to the bit."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import (
    TEST_FILE,
    PreparedData,
    SplitSpec,
    TabularSettings,
    find_source,
    open_folds,
    open_splits,
    open_validation,
    prepare,
)
from hpsearch.engine.records import State
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.fit import Fit
from hpsearch.engine.training.workplace import attach_files
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    Epoch,
    load_checkpoint,
    load_history,
    load_predictions,
)
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.hashing import hash_arrays
from hpsearch.foundations.metrics import Task
from hpsearch.foundations.random_streams import Stream, seed_stream
from hpsearch.trainers.state import hash_state
from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.conftest import PIXELS, TWO_LAYER_NET

Make = Callable[..., TrialJob]

N_FOLDS = 3
SETTING = {
    "learning_rate": 0.05,
    "learning_rate_decay": 0.9,
    "reg": 1e-3,
    "hidden_size": 8,
    "epochs": 4,
    "batch_size": 60,
    "initial_std": 0.01,
}


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """All digits that are not for the test, in three folds."""
    folder = tmp_path_factory.mktemp("data")
    source = find_source("digits", folders=[], download_folder=folder)
    spec = SplitSpec(0, 0, n_folds=N_FOLDS, stratify=True)
    return prepare(source, spec, folder, TWO_LAYER_NET.preparation(PIXELS))


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """A regression whose folds are of unequal size."""
    folder = tmp_path_factory.mktemp("numbers")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(95, 3))
    np.savez(folder / "numbers.npz", X=X, y=X @ [1.0, -2.0, 0.5] + 10 + rng.normal(0, 0.1, 95))
    settings = TabularSettings(str(folder / "numbers.npz"), Task.REGRESSION)
    source = find_source("arrays", folders=[], download_folder=folder, own=settings)
    spec = SplitSpec(0, 0, n_folds=N_FOLDS, stratify=True)
    return prepare(source, spec, folder, TWO_LAYER_NET.preparation(PIXELS))


@pytest.fixture
def job(folded: PreparedData, tmp_path: Path) -> Make:
    counter = itertools.count()

    def make(**changes: Any) -> TrialJob:
        setting = SETTING | {key: changes.pop(key) for key in list(changes) if key in FIELDS}
        base: dict[str, Any] = {
            "number": 3,
            "study_seed": 0,
            "trainer": TWO_LAYER_NET,
            "hyperparameters": Hyperparameters(**setting).model_dump(),
            "data": folded,
            "folder": tmp_path / f"trial-{next(counter)}",
            "threads": 1,
        }
        return TrialJob(**base | changes)

    return make


FIELDS = set(Hyperparameters.model_fields)


def _train_fold(one: TrialJob, fold: int, data: PreparedData) -> tuple[list[Epoch], np.ndarray]:
    """The training of a fold by itself: its epochs, and what its model predicts of the fold."""
    fit = _fit(one, data, seed_stream(0, Stream.TRAINING, 3, fold))
    epochs = [fit.train_epoch(number, None) for number in range(1, one.n_epochs + 1)]
    return epochs, fit.predict()


def _fit(one: TrialJob, data: PreparedData, seed: np.random.SeedSequence) -> Fit:
    splits = open_splits(data)
    return Fit(TwoLayerNetTrainer, data.schema, splits, one.hyperparameters, seed, lambda: 1)


def _result(result: TrialResult) -> Any:
    """What must not depend on interruptions."""
    epochs = [dataclasses.replace(e, duration_s=0.0, ended_at=0.0) for e in result.epochs]
    return result.state, epochs, result.net_sha256


@dataclasses.dataclass
class EpochsLeft:
    n: int

    def is_valid(self) -> bool:
        self.n -= 1
        return self.n >= 0


@pytest.mark.parametrize("kind", ["images", "numbers"])
def test_its_value_is_the_mean_of_folds_that_were_trained_by_themselves(
    kind: str, job: Make, numbers: PreparedData
) -> None:
    one = job() if kind == "images" else job(data=numbers, batch_size=10)
    result = run_job(one)
    assert result.state == State.COMPLETE
    alone = [_train_fold(one, fold, data) for fold, data in enumerate(one.data.folds)]
    sizes = [data.split_spec.n_validation for data in one.data.folds]
    for index, epoch in enumerate(result.epochs):
        of_folds = [epochs[index] for epochs, _ in alone]
        mean = np.average([fold.val_score for fold in of_folds], weights=sizes)
        assert epoch.val_score == pytest.approx(mean, rel=1e-12)
        for name in ("train_loss", one.data.schema.metric.train_name, "learning_rate"):
            expected = np.mean([fold.metrics[name] for fold in of_folds])
            assert epoch.metrics[name] == pytest.approx(expected)
        first = np.mean([fold.step_losses[0] for fold in of_folds])
        assert epoch.step_losses[0] == pytest.approx(first)
        assert len(epoch.step_losses) == max(len(fold.step_losses) for fold in of_folds)


@pytest.mark.parametrize("kind", ["images", "numbers"])
def test_its_predictions_are_out_of_fold_in_the_order_of_all_examples(
    kind: str, job: Make, numbers: PreparedData
) -> None:
    one = job() if kind == "images" else job(data=numbers, batch_size=10)
    result = run_job(one)
    predicted = load_predictions(one.folder / PREDICTIONS_FILE)
    folds, (_, targets) = open_folds(one.data), open_validation(one.data)
    assert predicted.shape == (one.data.split_spec.n_train,)
    for fold, data in enumerate(one.data.folds):
        _, alone = _train_fold(one, fold, data)
        np.testing.assert_array_equal(predicted[folds == fold], alone)
    assert one.data.schema.metric(targets, predicted) == result.epochs[-1].val_score


def test_folds_and_trials_and_replicates_draw_numbers_of_their_own(job: Make) -> None:
    jobs = [job(), job(number=4), job(replicate=1), job(replicate=2), job(is_refit=True)]
    results = [run_job(one) for one in jobs]
    assert len({result.net_sha256 for result in results}) == len(jobs)
    assert len({one.identity() for one in jobs}) == len(jobs)
    states = load_checkpoint(jobs[0].folder / CHECKPOINT_FILE).states
    assert len({hash_arrays(state.trainer["net"]) for state in states}) == N_FOLDS
    seeds = [seed for one in jobs for seed in (one.seed(), *one.seed().spawn(N_FOLDS))]
    assert len({tuple(seed.generate_state(4)) for seed in seeds}) == len(seeds)


def test_the_hash_covers_the_models_of_all_folds(
    job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, real, n_calls = run_job(job()), TwoLayerNetTrainer.model_state_dict, itertools.count(1)

    def change_the_last(trainer: TwoLayerNetTrainer) -> Any:
        state = dict(real(trainer))
        if next(n_calls) == N_FOLDS:
            state["b2"] = state["b2"] + np.float32(1e-3)
        return state

    monkeypatch.setattr(TwoLayerNetTrainer, "model_state_dict", change_the_last)
    assert run_job(job()).net_sha256 != whole.net_sha256


@pytest.mark.parametrize("n_before", [1, 2, 3])
@pytest.mark.parametrize(
    "technique", [{}, {"optimizer": "adam", "averaging_epochs": 2}], ids=["plain", "adam"]
)
def test_a_stopped_trial_is_the_same_to_the_bit_when_taken_up_again(
    technique: dict[str, Any], n_before: int, job: Make
) -> None:
    calm, disturbed = job(**technique), job(**technique)
    whole = run_job(calm)
    stopped = run_job(dataclasses.replace(disturbed, lease=EpochsLeft(n_before)))
    assert stopped.state == State.WAITING
    assert len(load_checkpoint(disturbed.folder / CHECKPOINT_FILE).states) == N_FOLDS
    resumed = run_job(disturbed)
    assert _result(resumed) == _result(whole)
    assert load_history(disturbed.folder / HISTORY_FILE) == resumed.epochs
    np.testing.assert_array_equal(
        load_predictions(disturbed.folder / PREDICTIONS_FILE),
        load_predictions(calm.folder / PREDICTIONS_FILE),
    )


def test_a_checkpoint_of_other_folds_is_of_no_use(
    job: Make, folded: PreparedData, tmp_path: Path
) -> None:
    one = job()
    run_job(dataclasses.replace(one, lease=EpochsLeft(2)))
    source = find_source("digits", folders=[], download_folder=tmp_path)
    spec = SplitSpec(0, 0, n_folds=N_FOLDS, stratify=True, shuffle_seed=1)
    other = prepare(source, spec, tmp_path / "other", TWO_LAYER_NET.preparation(PIXELS))
    again = run_job(dataclasses.replace(one, data=other))
    assert _result(again) == _result(run_job(job(data=other)))


def test_a_pruner_is_asked_after_whole_epochs_of_all_folds(job: Make) -> None:
    asked: list[tuple[int, float]] = []

    class Script:
        def __call__(self, epoch: int, val_score: float) -> bool:
            asked.append((epoch, val_score))
            return epoch == 2

        def rungs(self) -> dict[str, float]:
            return {}

    one = job(pruning=Script())
    result = run_job(one)
    assert result.state == State.PRUNED
    assert asked == [(epoch.number, epoch.val_score) for epoch in result.epochs]
    assert [epoch.val_score for epoch in result.epochs] == [
        epoch.val_score for epoch in run_job(job()).epochs[:2]
    ]


def test_one_fold_that_diverges_makes_the_trial_diverged(
    job: Make, numbers: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its score is that of the epoch before, when the nets of all folds were finite."""
    real, one = TwoLayerNetTrainer.train_epoch, job(data=numbers, batch_size=10)
    second = open_splits(numbers.folds[1]).train_targets

    def diverge(trainer: TwoLayerNetTrainer, data: Any) -> Any:
        metrics = dict(real(trainer, data))
        if data.epoch == 2 and np.array_equal(data.y, second):
            trainer._net["W1"][:] = np.nan
            metrics["train_loss"] = float("nan")
        return metrics

    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", diverge)
    result = run_job(one)
    assert (result.state, len(result.epochs)) == (State.PRUNED, 2)
    assert result.diverged
    before, last = result.epochs
    assert np.isfinite(before.val_score)
    assert (last.val_score, last.val_others) == (before.val_score, before.val_others)
    again = run_job(one)
    assert (again.state, len(again.epochs)) == (State.PRUNED, 2)


def test_folds_that_diverge_at_once_are_scored_as_the_mean_of_all_targets(
    job: Make, numbers: PreparedData
) -> None:
    one = job(data=numbers, batch_size=10, learning_rate=1e6)
    result = run_job(one)
    assert (result.state, result.diverged) == (State.PRUNED, True)
    (epoch,) = result.epochs
    _, targets = open_validation(one.data)
    assert epoch.val_score == pytest.approx(np.var(targets))
    assert epoch.val_others == pytest.approx({"r2": 0})


def test_a_refit_trains_on_the_examples_of_all_folds_and_validates_on_none(job: Make) -> None:
    one = job(is_refit=True)
    result = run_job(one)
    assert result.state == State.COMPLETE
    assert all(np.isnan(epoch.val_score) for epoch in result.epochs)
    assert not (one.folder / PREDICTIONS_FILE).exists()
    assert len(open_splits(one.data).train) == 1497
    fit = _fit(one, one.data, seed_stream(0, Stream.REFIT, 3))
    for number in range(1, one.n_epochs + 1):
        fit.train_epoch(number, None)
    assert result.net_sha256 == hash_state(fit.model_state())


def test_a_stopped_refit_is_the_same_to_the_bit_when_taken_up_again(job: Make) -> None:
    calm, disturbed = job(is_refit=True), job(is_refit=True)
    whole = run_job(calm)
    run_job(dataclasses.replace(disturbed, lease=EpochsLeft(2)))
    resumed = run_job(disturbed)
    assert resumed.net_sha256 == whole.net_sha256
    assert len(resumed.epochs) == 4


@pytest.mark.parametrize("is_refit", [False, True])
def test_a_worker_with_its_own_disk_returns_all_files_of_the_trial(
    is_refit: bool, job: Make, tmp_path: Path
) -> None:
    one = job(is_refit=is_refit)
    here = dataclasses.replace(one, folder=tmp_path / "scratch")
    result = attach_files(run_job(here), here, one)
    assert result.checkpoint == (here.folder / CHECKPOINT_FILE).read_bytes()
    assert (result.predictions is None) == is_refit


def test_no_worker_opens_the_test_split(
    job: Make, folded: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = folded.folder / TEST_FILE
    content = hidden.read_bytes()
    hidden.unlink()
    try:
        assert run_job(job()).state == State.COMPLETE
        assert run_job(job(is_refit=True)).state == State.COMPLETE
    finally:
        hidden.write_bytes(content)
