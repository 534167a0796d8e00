import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import PreparedData, open_splits
from hpsearch.engine.records import State
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.trial_failures import read_attempts, read_versions
from hpsearch.engine.trial_files import (
    CHECKPOINT_FILE,
    HISTORY_FILE,
    PREDICTIONS_FILE,
    load_checkpoint,
    load_history,
    load_predictions,
    save_history,
)
from hpsearch.engine.trial_result import TrialResult
from hpsearch.foundations.errors import DataError, StoreError
from hpsearch.foundations.hashing import hash_arrays
from hpsearch.foundations.random_streams import Stream, seed_stream
from hpsearch.trainers.two_layer_net import Hyperparameters, WeightSnapshots, add_snapshot
from hpsearch.trainers.two_layer_net.split import make_split
from hpsearch.trainers.two_layer_net.start import make_net
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.conftest import TWO_LAYER_NET


@dataclasses.dataclass
class EpochsLeft:
    """A lease that ends after so many epochs."""

    n: int

    def is_valid(self) -> bool:
        self.n -= 1
        return self.n >= 0


@dataclasses.dataclass
class Script:
    """A pruner that decides by a list, and remembers what it was asked."""

    decisions: Sequence[bool]
    asked: list[int] = dataclasses.field(default_factory=list)

    def __call__(self, epoch: int, val_score: float) -> bool:
        self.asked.append(epoch)
        return self.decisions[epoch - 1]

    def rungs(self) -> dict[str, float]:
        return {"completed_rung_0": 0.5}


@pytest.fixture
def job(digits: PreparedData, tmp_path: Path) -> Callable[..., TrialJob]:
    numbers = itertools.count()

    def make(**changes: Any) -> TrialJob:
        setting = {
            "learning_rate": 0.05,
            "learning_rate_decay": 0.9,
            "reg": 1e-3,
            "hidden_size": 8,
            "epochs": 4,
            "batch_size": 50,
            "initial_std": 0.01,
        }
        setting |= {key: changes.pop(key) for key in list(changes) if key in setting}
        base: dict[str, Any] = {
            "number": 3,
            "study_seed": 0,
            "trainer": TWO_LAYER_NET,
            "hyperparameters": Hyperparameters(**setting).model_dump(),
            "data": digits,
            "folder": tmp_path / f"trial-{next(numbers)}",
            "threads": 1,
        }
        return TrialJob(**base | changes)

    return make


def _result(result: TrialResult) -> Any:
    """What must not depend on interruptions."""
    epochs = [dataclasses.replace(e, duration_s=0.0, ended_at=0.0) for e in result.epochs]
    return result.state, epochs, result.net_sha256


def test_a_job_is_trained_to_its_last_epoch(job: Callable[..., TrialJob]) -> None:
    one = job()
    result = run_job(one)
    assert result.state == State.COMPLETE
    assert [epoch.number for epoch in result.epochs] == [1, 2, 3, 4]
    assert load_history(one.folder / HISTORY_FILE) == result.epochs
    assert result.host
    assert result.versions["numpy"] == np.__version__


def test_a_complete_job_keeps_what_its_final_net_predicts(
    job: Callable[..., TrialJob], digits: PreparedData
) -> None:
    """To the last image: the recorded accuracy is theirs, and after an interruption too."""
    calm, disturbed = job(), job()
    result = run_job(calm)
    run_job(dataclasses.replace(disturbed, lease=EpochsLeft(2)))
    assert not (disturbed.folder / PREDICTIONS_FILE).exists()
    run_job(disturbed)
    predicted = load_predictions(calm.folder / PREDICTIONS_FILE)
    assert np.array_equal(load_predictions(disturbed.folder / PREDICTIONS_FILE), predicted)
    hits = predicted == open_splits(digits).validation_targets
    assert float(np.mean(hits)) == result.epochs[-1].val_score
    assert (calm.folder / PREDICTIONS_FILE).stat().st_size < len(hits) + 200


def test_a_result_does_not_count_without_its_predictions(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hpsearch.engine.training.worker.save_predictions", refuse)
    result = run_job(job())
    assert result.state == State.WAITING
    assert isinstance(result.failure, StoreError)


def test_a_replicate_is_another_training_of_the_same_setting(job: Callable[..., TrialJob]) -> None:
    """Each with a seed of its own, which no trial of the study draws from."""
    jobs = [job(replicate=replicate) for replicate in (0, 1, 2)] + [job(number=4)]
    assert len({run_job(one).net_sha256 for one in jobs}) == 4
    assert len({one.identity() for one in jobs}) == 4


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (Stream.TRAINING, 3)),
        ({"number": 0}, (Stream.TRAINING, 0)),
        ({"replicate": 2}, (Stream.CONFIRMATION, 3, 2)),
        ({"is_refit": True}, (Stream.REFIT, 3)),
    ],
)
def test_a_training_has_the_stream_of_its_purpose_and_trial(
    changes: dict[str, Any], expected: tuple[Any, ...], job: Callable[..., TrialJob]
) -> None:
    state = job(**changes).seed().generate_state(4)
    assert np.array_equal(state, seed_stream(0, *expected).generate_state(4))


def test_a_trials_identity_is_what_it_was(job: Callable[..., TrialJob]) -> None:
    """Checkpoints of studies that are under way stay valid."""
    one = job(data=dataclasses.replace(job().data, checksum="data", contents={"a": "b"}))
    assert one.identity() == ("912ec2e5e9c522b45b1e896a9cef43159e028a2a71f9b0658dc77129fa226934")


def test_a_checkpoint_of_data_with_other_last_bits_is_not_taken_up(
    job: Callable[..., TrialJob],
) -> None:
    one = job(lease=EpochsLeft(2))
    run_job(one)
    contents = one.data.contents | {"derived_mean_image.npy": "of another machine"}
    other = dataclasses.replace(one, data=dataclasses.replace(one.data, contents=contents))
    assert other.identity() != one.identity()
    run_job(dataclasses.replace(other, lease=EpochsLeft(1)))
    assert len(load_checkpoint(one.folder / CHECKPOINT_FILE).epochs) == 1


def test_a_trial_continued_with_other_versions_has_both(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job()
    for numba, lease in (("0.62.0", EpochsLeft(2)), ("0.63.1", EpochsLeft(1)), ("0.63.1", None)):
        here = read_versions(TwoLayerNetTrainer) | {"numba": numba}
        monkeypatch.setattr(
            "hpsearch.engine.training.worker.read_versions", lambda _, here=here: here
        )
        result = run_job(dataclasses.replace(one, lease=lease))
        monkeypatch.undo()
    assert result.state == State.COMPLETE
    assert result.versions == read_versions(TwoLayerNetTrainer) | {"numba": "0.62.0 -> 0.63.1"}


def test_an_attempt_without_an_epoch_leaves_no_versions_behind(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job()
    monkeypatch.setattr(
        "hpsearch.engine.training.worker.read_versions", lambda _: {"numba": "0.62.0"}
    )
    run_job(dataclasses.replace(one, lease=EpochsLeft(0)))
    monkeypatch.undo()
    assert run_job(one).versions == read_versions(TwoLayerNetTrainer)


@pytest.mark.parametrize("stops", [[1], [3], [1, 1, 1], [0, 2]])
def test_an_interrupted_job_ends_as_if_it_had_not_been(
    stops: list[int], job: Callable[..., TrialJob]
) -> None:
    calm, disturbed = run_job(job()), job()
    for n in stops:
        result = run_job(dataclasses.replace(disturbed, lease=EpochsLeft(n)))
        assert result.state == State.WAITING
    assert _result(run_job(disturbed)) == _result(calm)
    assert read_attempts(disturbed.folder).n_begun == len(stops) + 1


@pytest.mark.parametrize("n_epochs", [1, 2, 3])
def test_weight_snapshots_do_not_depend_on_interruptions(
    n_epochs: int, job: Callable[..., TrialJob]
) -> None:
    undisturbed, stopped = job(), job(lease=EpochsLeft(n_epochs))
    run_job(undisturbed)
    assert run_job(stopped).state == State.WAITING
    run_job(dataclasses.replace(stopped, lease=None))
    films = [
        load_checkpoint(one.folder / CHECKPOINT_FILE).states[0].trainer["snapshots"]
        for one in (undisturbed, stopped)
    ]
    assert films[0]["epochs"].tolist() == [0, 1, 2, 3, 4]
    assert hash_arrays(films[0]) == hash_arrays(films[1])


def test_the_first_weight_snapshot_has_the_initial_weights(
    job: Callable[..., TrialJob],
) -> None:
    filmed = job()
    run_job(filmed)
    snapshots = load_checkpoint(filmed.folder / CHECKPOINT_FILE).states[0].trainer["snapshots"]
    splits = open_splits(filmed.data)
    split = make_split(filmed.data.schema, splits.derived, splits.train, splits.train_targets)
    setting = Hyperparameters(**filmed.hyperparameters)
    initial = make_net(split, setting, np.random.default_rng(filmed.seed()))
    units = WeightSnapshots(units=snapshots["units"])
    expected = add_snapshot(units, 0, initial, split.image_preprocessing)
    assert np.array_equal(snapshots["tiles"][:1], expected.tiles)


def test_a_finished_job_run_again_gives_its_result_again(job: Callable[..., TrialJob]) -> None:
    one = job()
    assert _result(run_job(one)) == _result(run_job(one))


def test_a_pruned_job_run_again_is_pruned_at_the_same_epoch(job: Callable[..., TrialJob]) -> None:
    """As when the coordinator died before it could record the end."""
    one = job(pruning=Script([False, True, False, False]))
    assert _result(run_job(one)) == _result(run_job(one))


@pytest.mark.parametrize("change", ["reg", "study_seed", "number", "threads", "data"])
def test_a_checkpoint_belongs_to_all_that_its_net_depends_on(
    change: str, job: Callable[..., TrialJob], digits: PreparedData
) -> None:
    value = dataclasses.replace(digits, checksum="other") if change == "data" else 2
    assert job(**{change: value}).identity() != job().identity()


def test_a_crash_between_checkpoint_and_history_is_repaired(job: Callable[..., TrialJob]) -> None:
    """The history is what MLflow and the plots show, so it must not stay an epoch behind."""
    one = job()
    epochs = run_job(one).epochs
    save_history(one.folder / HISTORY_FILE, epochs[:-1])
    run_job(one)
    assert load_history(one.folder / HISTORY_FILE) == epochs


def test_each_checkpoint_and_the_whole_history_are_on_disk(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        "os.fsync", lambda file: synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
    )
    run_job(job(epochs=4))
    assert sum(CHECKPOINT_FILE in path for path in synced) == 4
    assert sum(HISTORY_FILE in path for path in synced) == 1
    assert HISTORY_FILE in synced[-1]


def test_a_worker_without_a_lease_writes_nothing(job: Callable[..., TrialJob]) -> None:
    one = job(lease=EpochsLeft(0))
    run_job(one)
    assert not (one.folder / CHECKPOINT_FILE).exists()
    assert not (one.folder / HISTORY_FILE).exists()


def test_a_checkpoint_of_another_trial_is_not_taken_up(job: Callable[..., TrialJob]) -> None:
    one = job()
    run_job(one)
    other = dataclasses.replace(one, study_seed=1)
    fresh = job(study_seed=1)
    assert _result(run_job(other)) == _result(run_job(fresh))


def test_a_damaged_checkpoint_is_not_taken_up(job: Callable[..., TrialJob]) -> None:
    one = job()
    calm = run_job(one)
    path = one.folder / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:-100])
    assert _result(run_job(one)) == _result(calm)


def test_the_pruner_is_asked_after_every_epoch_but_the_last(job: Callable[..., TrialJob]) -> None:
    script = Script([False] * 4)
    assert run_job(job(pruning=script)).state == State.COMPLETE
    assert script.asked == [1, 2, 3]


def test_a_pruned_job_ends_there_and_hands_on_its_rungs(job: Callable[..., TrialJob]) -> None:
    result = run_job(job(pruning=Script([False, True, False, False])))
    assert result.state == State.PRUNED
    assert len(result.epochs) == 2
    assert result.net_sha256 is None
    assert result.rungs == {"completed_rung_0": 0.5}


def test_the_pruner_sees_the_epochs_before_an_interruption(
    job: Callable[..., TrialJob],
) -> None:
    one = job()
    run_job(dataclasses.replace(one, lease=EpochsLeft(2)))
    script = Script([False] * 4)
    run_job(dataclasses.replace(one, pruning=script))
    assert script.asked == [1, 2, 3]


def test_divergence_in_the_first_epoch_is_scored_as_the_best_constant_prediction(
    job: Callable[..., TrialJob], digits: PreparedData
) -> None:
    one = job(learning_rate=1e6, epochs=50)
    result = run_job(one)
    assert (result.state, result.diverged) == (State.PRUNED, True)
    share = np.bincount(open_splits(digits).validation_targets).max() / 150
    assert [epoch.val_score for epoch in result.epochs] == [share]
    assert repr(_result(run_job(one))) == repr(_result(result))  # nan equals nothing


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("n_before", [1, 2])
def test_later_divergence_is_scored_as_the_epoch_before_however_interrupted(
    n_before: int, job: Callable[..., TrialJob]
) -> None:
    """A penalty so strong that each step turns the weights round and makes them larger."""
    changes = {"reg": 65.0, "learning_rate_decay": 1.0, "epochs": 50}
    result = run_job(job(**changes))
    assert (result.state, result.diverged) == (State.PRUNED, True)
    assert len(result.epochs) == 3
    before, last = result.epochs[-2:]
    assert last.val_score == before.val_score
    disturbed = job(**changes)
    run_job(dataclasses.replace(disturbed, lease=EpochsLeft(n_before)))
    assert len(load_checkpoint(disturbed.folder / CHECKPOINT_FILE).epochs) == n_before
    assert repr(_result(run_job(disturbed))) == repr(_result(result))
    assert load_history(disturbed.folder / HISTORY_FILE)[-1].val_score == before.val_score


def test_an_exception_fails_the_trial_with_its_reason(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise FloatingPointError("two\nlines")

    monkeypatch.setattr(TwoLayerNetTrainer, "train_epoch", fail)
    result = run_job(job())
    assert result.state == State.FAILED
    assert result.reason == "FloatingPointError: two lines"


def test_missing_data_halts_the_study_rather_than_fail_the_trial(
    job: Callable[..., TrialJob], digits: PreparedData, tmp_path: Path
) -> None:
    gone = dataclasses.replace(digits, folder=tmp_path / "gone")
    result = run_job(job(data=gone))
    assert result.state == State.WAITING
    assert isinstance(result.failure, DataError)


def test_a_full_disk_halts_the_study_rather_than_fail_the_trial(
    job: Callable[..., TrialJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    result = run_job(job())
    assert result.state == State.WAITING
    assert isinstance(result.failure, StoreError)
    assert "No space left on device" in str(result.failure)


def test_workers_import_neither_optuna_nor_mlflow() -> None:
    program = (
        "import hpsearch.engine.training.worker, hpsearch.engine.execution, sys;"
        "print({'optuna', 'mlflow', 'matplotlib', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
