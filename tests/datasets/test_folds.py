"""The folds of cross-validation: each example in one, what belongs together in the same one."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.datasets import (
    NO_PREPARATION,
    TEST_FILE,
    Preparation,
    PreparedData,
    SplitSpec,
    TabularSettings,
    find_on_this_machine,
    find_source,
    load_prepared,
    open_folds,
    open_splits,
    open_validation,
    prepare,
)
from hpsearch.datasets.selecting import Items, assign_folds
from hpsearch.datasets.splitting import divide
from hpsearch.foundations.errors import DamagedDataError, UsageError
from hpsearch.foundations.metrics import Task
from tests.datasets.conftest import CENTRED

Prepare = Callable[..., PreparedData]

N_FOLDS = 4
# What a trainer may derive from the columns and the target of a table.
MEANS = Preparation(
    {"plan": "means"}, lambda schema, X, y: {"columns": X.mean(axis=0), "target": y.mean()}
)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Rows with a number of their own each, classes of unequal size, and groups of copies."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "row": np.arange(200.0),
            "value": rng.normal(size=200),
            "kind": rng.choice(["a", "b", "c"], 200, p=[0.6, 0.3, 0.1]),
            "patient": rng.integers(0, 60, 200),
        }
    )


@pytest.fixture
def prepare_table(tmp_path: Path) -> Prepare:
    numbers = itertools.count()

    def make(
        frame: pd.DataFrame,
        target: str = "kind",
        task: Task = Task.CLASSIFICATION,
        ignore: Sequence[str] = (),
        group: str | None = None,
        preparation: Preparation = NO_PREPARATION,
        **split_spec: object,
    ) -> PreparedData:
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        settings = TabularSettings(str(path), task, target, tuple(ignore), group)
        source = find_source("table", folders=[], download_folder=tmp_path, own=settings)
        sizes: dict[str, object] = {"n_train": 0, "n_validation": 0}
        wanted = sizes | {"n_folds": N_FOLDS, "stratify": True} | split_spec
        folder = tmp_path / f"data-{next(numbers)}"
        return prepare(source, SplitSpec(**wanted), folder, preparation)

    return make


def _rows(data: PreparedData, which: str) -> np.ndarray:
    """The number of each row of a split of `data`, by its first column."""
    splits = open_splits(data)
    examples = splits.validation if which == "validation" else splits.train
    return examples[:, 0].astype(int)


def test_every_row_not_for_the_test_is_validated_on_once_and_trained_on_otherwise(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    data = prepare_table(frame, ignore=["patient"])
    everything = set(_rows(data, "train"))
    validated = [_rows(fold, "validation") for fold in data.folds]
    assert len(data.folds) == N_FOLDS
    assert sorted(np.concatenate(validated)) == sorted(everything)
    for fold, own in zip(data.folds, validated, strict=True):
        assert set(_rows(fold, "train")) == everything - set(own)
    assert len(everything) + data.split_spec.n_test == len(frame)


def test_the_test_split_is_the_same_and_in_no_fold(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    data = prepare_table(frame, ignore=["patient"])
    plain = prepare_table(frame, ignore=["patient"], n_folds=None, n_train=80, n_validation=40)
    with np.load(data.folder / TEST_FILE) as folds, np.load(plain.folder / TEST_FILE) as split:
        tested = set(folds["inputs"][:, 0].astype(int))
        np.testing.assert_array_equal(folds["inputs"], split["inputs"])
    for one in (data, *data.folds):
        assert not tested & {*_rows(one, "train"), *_rows(one, "validation")}
    assert not [fold for fold in data.folds if (fold.folder / TEST_FILE).exists()]


def test_validation_examples_of_all_folds_are_in_the_order_of_the_rows(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    data = prepare_table(frame, ignore=["patient"])
    examples, targets = open_validation(data)
    folds = open_folds(data)
    np.testing.assert_array_equal(examples[:, 0].astype(int), _rows(data, "train"))
    np.testing.assert_array_equal(targets, open_splits(data).train_targets)
    for number, fold in enumerate(data.folds):
        split = open_splits(fold)
        np.testing.assert_array_equal(examples[folds == number], split.validation)
        np.testing.assert_array_equal(targets[folds == number], split.validation_targets)


def test_classes_have_equal_shares_in_all_folds(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    data = prepare_table(frame, ignore=["patient"])
    labels, folds = open_splits(data).train_targets, open_folds(data)
    counts = np.array([np.bincount(labels[folds == fold]) for fold in range(N_FOLDS)])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_neither_groups_nor_copies_straddle_folds(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    grouped = prepare_table(frame, group="patient")
    patients = frame["patient"].to_numpy()[_rows(grouped, "train")]
    folds = open_folds(grouped)
    for patient in set(patients):
        assert len(set(folds[patients == patient])) == 1

    copies = pd.concat([frame, frame, frame])
    copied = prepare_table(copies, ignore=["patient"])
    rows, folds = _rows(copied, "train"), open_folds(copied)
    for row in set(rows):
        assert len(set(folds[rows == row])) == 1
    assert len(rows) == 3 * len(set(rows))


def test_arrays_are_derived_from_the_training_rows_of_each_fold_alone(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    """An outlier is in the mean of all folds but the one that it is validated in."""
    calm = prepare_table(frame, ignore=["patient"])
    row = _rows(calm, "train")[5]
    frame.loc[row, "value"] = 1e6
    data = prepare_table(frame, ignore=["patient"], preparation=MEANS)
    assert row in _rows(data, "train")  # no test row, for this seed
    means = [open_splits(fold).derived["columns"][1] for fold in data.folds]
    is_validated = [row in _rows(fold, "validation") for fold in data.folds]
    assert sum(is_validated) == 1
    for mean, is_left_out in zip(means, is_validated, strict=True):
        assert (mean < 1) == is_left_out
    assert open_splits(data).derived["columns"][1] > 1000


def test_arrays_are_derived_from_the_targets_of_each_fold_alone(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    ignored = ["patient", "kind"]
    data = prepare_table(frame, "value", Task.REGRESSION, ignored, preparation=MEANS)
    means = set()
    for one in (data, *data.folds):
        splits = open_splits(one)
        assert splits.derived["target"] == splits.train_targets.mean()
        means.add(float(splits.derived["target"]))
    assert len(means) == N_FOLDS + 1


def test_images_are_divided_too_and_replaced_in_each_fold(tmp_path: Path) -> None:
    source = find_source("digits", folders=[], download_folder=tmp_path)
    data = prepare(source, SplitSpec(0, 0, n_folds=3, stratify=True), tmp_path, CENTRED)
    assert data.split_spec.n_train == 1497
    pixels, folds = open_validation(data)[0], open_folds(data)
    for number, fold in enumerate(data.folds):
        own, splits = pixels[folds != number], open_splits(fold)
        np.testing.assert_array_equal(splits.derived["mean"], own.mean(axis=0))
        centred = (own - own.mean(axis=0)).astype(np.float32)
        np.testing.assert_array_equal(splits.train, centred, strict=True)
        assert not (fold.folder / "train_examples.npy").exists()


def test_derived_arrays_of_each_fold_are_part_of_the_contents_but_not_of_the_checksum(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    ignored = ["patient", "kind"]
    rounded = Preparation(MEANS.identity, lambda *_: {"columns": np.ones(1), "target": np.ones(1)})
    one, other = (
        prepare_table(frame, "value", Task.REGRESSION, ignored, preparation=preparation)
        for preparation in (MEANS, rounded)
    )
    assert one.checksum == other.checksum
    folders = ["", *(f"fold-{number}/" for number in range(1, N_FOLDS + 1))]
    names = [f"{folder}derived_{name}.npy" for folder in folders for name in ("columns", "target")]
    assert one.list_differences(other.contents) == sorted(names)


def test_folds_are_the_same_every_time_and_others_with_another_seed(
    frame: pd.DataFrame, prepare_table: Prepare
) -> None:
    first, again = (prepare_table(frame, ignore=["patient"]) for _ in range(2))
    other = prepare_table(frame, ignore=["patient"], shuffle_seed=1)
    assert first.contents == again.contents
    np.testing.assert_array_equal(open_folds(first), open_folds(again))
    assert first.checksum == again.checksum != other.checksum
    assert (open_folds(first) != open_folds(other)).any()


def test_a_fold_that_is_damaged_or_gone_is_found_and_prepared_again(
    frame: pd.DataFrame, prepare_table: Prepare, tmp_path: Path
) -> None:
    data = prepare_table(frame, ignore=["patient"])
    path = data.folds[1].folder / "train_targets.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"fold-2/train_targets\.npy"):
        data.verify()
    path.unlink()
    settings = TabularSettings(
        str(tmp_path / "table.csv"), Task.CLASSIFICATION, "kind", ("patient",)
    )
    source = find_source("table", folders=[], download_folder=tmp_path, own=settings)
    asked = SplitSpec(0, 0, n_folds=N_FOLDS, stratify=True)
    prepare(source, asked, data.folder.parent).verify()
    assert load_prepared(data.folder) == data


def test_another_machine_prepares_the_same_folds_and_keeps_no_test_split(
    frame: pd.DataFrame, prepare_table: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepare_table(frame, ignore=["patient"], preparation=MEANS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    elsewhere = dataclasses.replace(data, folder=tmp_path / "nowhere", folds=())
    found = find_on_this_machine(elsewhere, [], MEANS)
    assert found.folder.is_relative_to(tmp_path / "cache")
    assert [fold.contents for fold in found.folds] == [fold.contents for fold in data.folds]
    assert all(fold.folder.is_relative_to(found.folder) for fold in found.folds)
    assert not list(found.folder.rglob(TEST_FILE))
    assert find_on_this_machine(elsewhere, [], MEANS) == found


@given(
    sizes=st.lists(st.integers(1, 5), min_size=4, max_size=40),
    seed=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_units_are_never_divided_and_their_order_does_not_matter(
    sizes: list[int], seed: int, order: object
) -> None:
    units = [f"unit {i}" for i, size in enumerate(sizes) for _ in range(size)]
    labels = np.array([int(unit.split()[1]) % 3 for unit in units])
    folds = divide(units, labels, N_FOLDS, seed)
    by_unit = dict(zip(units, folds.tolist(), strict=True))
    assert folds.tolist() == [by_unit[unit] for unit in units]
    assert set(folds) <= set(range(N_FOLDS))
    shuffled = list(zip(units, labels.tolist(), strict=True))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = divide(
        [u for u, _ in shuffled], np.array([label for _, label in shuffled]), N_FOLDS, seed
    )
    assert again.tolist() == [by_unit[unit] for unit, _ in shuffled]


@given(n=st.integers(10, 90), n_classes=st.integers(1, 4), n_folds=st.integers(2, 7))
def test_single_items_make_folds_that_differ_by_one_item(
    n: int, n_classes: int, n_folds: int
) -> None:
    units = [str(i) for i in range(n)]
    labels = np.arange(n) ** 2 % 7 % n_classes
    folds = divide(units, labels, n_folds)
    counts = np.array(
        [[np.sum((folds == f) & (labels == c)) for c in range(n_classes)] for f in range(n_folds)]
    )
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


ITEMS = Items(
    "table",
    "pets.csv",
    20,
    5,
    np.array([0] * 17 + [1] * 3),
    tuple(f"{i // 2}" for i in range(20)),
    class_names=("cat", "dog"),
)


@pytest.mark.parametrize(
    ("items", "n_folds", "stratify", "words"),
    [
        (ITEMS, 11, False, "more folds than the 10 examples of table"),
        (ITEMS, 3, True, "more folds than the 2 examples of 'dog', the smallest class of table"),
        (
            Items("folder", "pets", 20, 5, None, None, np.arange(20) < 3),
            2,
            False,
            "pets brings a validation split of its own",
        ),
        (Items("table", "pets.csv", 20, 0, None, None), 2, False, "none of its 20 examples is for"),
    ],
)
def test_invalid_folds_are_refused_in_one_line(
    items: Items, n_folds: int, stratify: bool, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        assign_folds(items, SplitSpec(0, 0, n_folds=n_folds, stratify=stratify))


def test_a_class_may_be_rarer_than_folds_without_stratification() -> None:
    folds = assign_folds(ITEMS, SplitSpec(0, 0, n_folds=5))
    assert np.bincount(folds).tolist() == [4, 4, 4, 4, 4]
