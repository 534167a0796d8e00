"""The conformance check is itself checked: a right trainer passes, and each planted fault is found.

Each training takes a process; a test stops at the result that it is about.
"""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.datasets.schema import Column, Schema
from hpsearch.trainers.conformance import (
    Candidate,
    Check,
    CheckResult,
    check_trainer,
    describe_guarantees,
)
from hpsearch.trainers.conformance.candidate import make_plan
from hpsearch.trainers.conformance.judging import judge_prediction
from hpsearch.trainers.conformance.observation import Observation
from hpsearch.trainers.conformance.plan import Snapshot
from hpsearch.trainers.conformance.processes import Processes
from hpsearch.trainers.finding import TrainerSpec

SCHEMA = Schema(columns=tuple(Column(f"x{i}") for i in range(5)), class_names=("a", "b", "c"))


@pytest.fixture
def make_candidate():
    """Make a candidate from the name of one of the trainers beside this file."""

    def make(name, **changes):
        rng = np.random.default_rng(0)
        given = {
            "spec": TrainerSpec(f"checked_trainers:{name}", Path(__file__).parent),
            "hyperparameters": {"learning_rate": 0.1, "epochs": 10},
            "schema": SCHEMA,
            "X": rng.normal(size=(60, 5)),
            "y": rng.integers(0, 3, 60),
            "X_val": rng.normal(size=(20, 5)),
            "prepared": {"mean": np.full(5, 0.1)},
        }
        return Candidate(**{**given, **changes})

    return make


@pytest.fixture
def check(make_candidate):
    """Check a trainer up to one of the results, and return that."""

    def check(name, wanted, **changes):
        for result in check_trainer(make_candidate(name, **changes)):
            if result.check == wanted:
                return result
        raise AssertionError(f"no result {wanted}")

    return check


def test_a_right_trainer_passes_every_check(make_candidate):
    results = list(check_trainer(make_candidate("SoftmaxRegression")))
    assert [result.check for result in results] == list(Check)
    assert [result for result in results if result.holds is not True] == []
    assert describe_guarantees("softmax:SoftmaxRegression", results) == (
        "trainer softmax:SoftmaxRegression: deterministic, resumable, independent of threads, "
        "prefix-stable"
    )


@pytest.mark.parametrize(
    ("trainer", "wanted", "detail"),
    [
        (
            "GlobalNoise",
            Check.GLOBAL_GENERATORS,
            r"train_epoch \(epoch 1\) uses or reseeds NumPy's global generator \(numpy.random\)",
        ),
        (
            "GlobalSeed",
            Check.GLOBAL_GENERATORS,
            r"constructor uses or reseeds Python's global generator \(random\)",
        ),
        ("GlobalNoise", Check.DETERMINISTIC, r"after epoch 1: state W\[0, 0\]: \S+ and \S+"),
        ("HashOrder", Check.DETERMINISTIC, r"after epoch 1: state W\[\d, \d\]: \S+ and \S+"),
        ("ForgetfulMomentum", Check.RESUMABLE, r"after epoch 2: state W\[0, 0\]: \S+ and \S+"),
        (
            "LearningPredict",
            Check.PREDICTION,
            r"predict changes the state: W\[0, 0\]: \S+ and \S+",
        ),
        ("RandomPredict", Check.PREDICTION, "predict draws from rng"),
        (
            "UnsavedBias",
            Check.PREDICTION,
            r"loaded model: prediction\[0, 0\]: \S+ and \S+",
        ),
        ("Schedule", Check.PREFIX, r"after epoch 1: state W\[0, 0\]: \S+ and \S+"),
        (
            "SavedObject",
            Check.STATE,
            r"state_dict: optimizer: expected an array, a number, .* got object",
        ),
        ("ThreadSums", Check.THREADS, r"after epoch 1: state W\[\d, \d\]: \S+ and \S+"),
        (
            "WrongShape",
            Check.PREDICTION,
            r"predict: expected scores of shape \(20, 3\), got float64 of shape \(20,\)",
        ),
        (
            "PreparedAtPrediction",
            Check.PREDICTION,
            r"loaded model: predict: KeyError: 'mean'",
        ),
        ("Raises", Check.TRAINING, r"train_epoch \(epoch 2\): ValueError: no second epoch"),
        ("Dies", Check.TRAINING, r"the process was ended by SIGABRT.*"),
        ("Writes", Check.TRAINING, r".*ValueError: assignment destination is read-only"),
        ("Missing", Check.TRAINING, r"import: UsageError: trainer .* has no Missing; .*"),
    ],
)
def test_a_fault_is_found_and_named(check, trainer, wanted, detail):
    result = check(trainer, wanted)
    assert result.holds is False
    assert "\n" not in result.detail
    assert_matches(detail, result.detail)


def test_each_fault_breaks_its_own_guarantee_only(make_candidate):
    results = list(check_trainer(make_candidate("ForgetfulMomentum")))
    assert [result.check for result in results if not result.holds] == [Check.RESUMABLE]
    assert describe_guarantees("t", results) == (
        "trainer t: deterministic, independent of threads, prefix-stable; not exactly resumable "
        "(a trial that was stopped has another result)"
    )


def test_nothing_is_compared_with_a_training_that_is_not_deterministic(make_candidate):
    results = {r.check: r for r in check_trainer(make_candidate("HashOrder"))}
    for check in (Check.RESUMABLE, Check.THREADS, Check.PREFIX):
        assert results[check].holds is None
        assert results[check].detail == "not compared, as equal trainings differ already"


def test_a_trainer_without_state_is_checked_by_its_predictions(make_candidate):
    results = list(check_trainer(make_candidate("NoState")))
    unknown = [result.check for result in results if result.holds is None]
    assert unknown == [Check.STATE, Check.RESUMABLE]
    assert all(result.holds is not False for result in results)
    assert "a stopped trial starts again" in describe_guarantees("t", results)


def test_a_trainer_without_epochs_trains_once(make_candidate):
    results = list(check_trainer(make_candidate("Centroids")))
    unknown = [result.check for result in results if result.holds is None]
    assert unknown == [Check.RESUMABLE, Check.PREFIX]
    assert all(result.holds is not False for result in results)


@pytest.mark.parametrize(
    ("hyperparameters", "detail"),
    [
        ({"layers": object}, r"hyperparameters\.layers: expected an array, .* got type"),
        ({"kernel": np.zeros(10_000)}, ".* take 80 kB, expected at most 16 kB"),
    ],
)
def test_jobs_hold_plain_values_and_are_small(make_candidate, hyperparameters, detail):
    candidate = make_candidate("SoftmaxRegression", hyperparameters=hyperparameters)
    (result,) = check_trainer(candidate)
    assert (result.check, result.holds) == (Check.JOB, False)
    assert_matches(detail, result.detail)


def test_prepared_examples_replace_those_of_the_data_set(check):
    result = check(
        "SoftmaxRegression", Check.TRAINING, X=np.zeros((60, 1)), prepared={"X": np.ones((60, 5))}
    )
    assert result.holds


def test_settings_choose_the_class(make_candidate):
    candidate = make_candidate("WithSettings")
    spec = replace(candidate.spec, settings={"fails": True})
    candidate = replace(candidate, spec=spec)
    *_, last = check_trainer(candidate)
    assert last.detail.startswith("import: UsageError: ")
    assert last.detail.endswith("fails: expected false, got True")


def test_processes_get_the_given_environment(check, make_candidate, monkeypatch):
    monkeypatch.setenv("LOSS_OF_A_TEST", "0.5")
    assert check("NeedsVariable", Check.TRAINING).holds
    *_, last = check_trainer(make_candidate("NeedsVariable"), {"PATH": os.defpath})
    assert last.detail == "train_epoch (epoch 1): KeyError: 'LOSS_OF_A_TEST'"


def test_no_process_outlives_the_check(make_candidate, tmp_path):
    with Processes(tmp_path, os.environ) as processes:
        training = processes.start(make_plan(make_candidate("Waits"), tmp_path))
        assert training.process.poll() is None
    assert training.process.returncode == -signal.SIGKILL


def test_predictions_may_be_returned_in_a_buffer_that_is_used_again(check):
    assert check("ReusedBuffer", Check.PREDICTION).holds


@pytest.mark.parametrize(
    ("predictions", "class_names", "fault"),
    [
        (np.zeros(4), (), ""),
        (np.zeros((4, 1)), (), "expected numbers of shape (4,), got float64 of shape (4, 1)"),
        (np.zeros((4, 2), np.float32), ("a", "b"), ""),
        (np.zeros(4, np.int64), ("a", "b"), ""),
        (
            np.full(4, 2),
            ("a", "b"),
            "expected scores, or classes from 0 to 1 of shape (4,), got int64 of shape (4,)",
        ),
        (
            np.zeros(4, bool),
            ("a", "b"),
            "expected scores, or classes from 0 to 1 of shape (4,), got bool of shape (4,)",
        ),
    ],
)
def test_predictions_are_scores_or_classes_or_numbers(predictions, class_names, fault):
    snapshot = Snapshot({}, predictions, {})
    schema = Schema(class_names=class_names)
    result = judge_prediction(Observation(snapshots=[snapshot]), None, schema, 4)
    assert result.holds is not bool(fault)
    assert result.detail == (f"predict: {fault}" if fault else "changes nothing")


def test_guarantees_are_described_in_a_line():
    results = [
        CheckResult(check, check not in (Check.PREFIX, Check.GLOBAL_GENERATORS), "")
        for check in Check
    ]
    assert describe_guarantees("softmax", results) == (
        "trainer softmax: deterministic, resumable, independent of threads; not prefix-stable "
        "(pruned trials of other lengths are not comparable), uses a global random generator "
        "(results may depend on other trials of the process)"
    )


def test_what_fails_is_described_with_its_reason():
    results = [CheckResult(Check.TRAINING, False, "constructor: KeyError: 'rate'")]
    assert describe_guarantees("t", results) == "trainer t: fails: constructor: KeyError: 'rate'"


def assert_matches(pattern, text):
    assert re.fullmatch(pattern, text), text
