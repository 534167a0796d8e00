"""Differences between recorded versions are reported by name, one line each."""

import pytest

from hpsearch.foundations.differences import (
    compare_versions,
    list_changes,
    merge_versions,
    split_versions,
)

OLD = {"numba": "0.62.0", "blas": "openblas SkylakeX", "cpu_features": "avx2 avx512vnni fma"}
NEW = {"numba": "0.63.1", "blas": "openblas Haswell", "cpu_features": "avx2 avxvnni fma"}


def test_equal_versions_differ_in_nothing() -> None:
    assert compare_versions({0: OLD, 1: dict(OLD)}, OLD) == []
    assert compare_versions({}, OLD) == []
    assert list_changes(OLD, dict(OLD)) == []


def test_a_package_of_this_run_is_named_with_both_versions() -> None:
    assert compare_versions(dict.fromkeys(range(10), OLD), OLD | {"numba": "0.63.1"}) == [
        "trials 0-9 ran with numba 0.62.0, this run has 0.63.1; results may differ in last bits"
    ]


def test_of_cpu_features_only_those_are_named_that_differ() -> None:
    here = OLD | {"cpu_features": "avx2 fma"}
    assert compare_versions(dict.fromkeys(range(6), OLD), here) == [
        "CPU features: avx512vnni in trials 0-5, not here; results may differ in last bits"
    ]
    assert compare_versions({0: OLD, 1: here}) == [
        "CPU features: avx512vnni in trial 0, not in trial 1; results may differ in last bits"
    ]
    (line,) = compare_versions({0: here}, OLD)
    assert line.startswith("CPU features: avx512vnni here, not in trial 0;")


def test_trials_are_compared_with_each_other_too() -> None:
    trials = {0: OLD, 1: OLD, 2: NEW, 3: OLD, 5: NEW}
    assert compare_versions(trials)[:2] == [
        "trials 0-1, 3 ran with numba 0.62.0, trials 2, 5 with 0.63.1;"
        " results may differ in last bits",
        "BLAS: openblas SkylakeX in trials 0-1, 3, openblas Haswell in trials 2, 5;"
        " results may differ in last bits",
    ]
    (line,) = compare_versions(trials, names={"blas"})
    assert line.startswith("BLAS: ")


def test_a_value_of_this_run_that_some_trials_have_is_shared_with_them() -> None:
    line = compare_versions({0: OLD, 1: NEW}, NEW)[1]
    assert line.startswith("BLAS: openblas SkylakeX in trial 0, openblas Haswell in trial 1 and he")


def test_a_trial_whose_worker_died_says_nothing() -> None:
    assert compare_versions({0: {}, 1: OLD}, OLD) == []


def test_other_optuna_versions_change_more_than_bits() -> None:
    (line,) = compare_versions({0: {"optuna": "5.0.0"}}, {"optuna": "5.1.0"})
    assert line.endswith("; proposals and pruning may differ")


def test_a_continued_trial_has_the_versions_of_all_its_workers() -> None:
    both = merge_versions(OLD, NEW)
    assert split_versions(both) == split_versions(OLD) | split_versions(NEW)
    assert merge_versions(both, NEW) == both
    assert merge_versions(OLD, OLD) == OLD
    assert merge_versions({}, OLD) == OLD
    (line,) = compare_versions({0: OLD, 1: both}, OLD, names={"numba"})
    assert line.startswith("trials 0-1 ran with numba 0.62.0, trial 1 with 0.63.1, this run has 0")


def test_changes_are_listed_from_before_to_now() -> None:
    assert list_changes(OLD, NEW | {"new": "1"}) == [
        "numba 0.62.0 -> 0.63.1",
        "BLAS openblas SkylakeX -> openblas Haswell",
        "CPU features -avx512vnni +avxvnni",
    ]


@pytest.mark.parametrize("value", ["blas", "cpu_features"])
def test_what_a_system_does_not_tell_is_unknown(value: str) -> None:
    assert list_changes({value: ""}, {value: ""}) == []
    assert len(compare_versions({0: {value: ""}}, {value: "avx2"})) == 1
