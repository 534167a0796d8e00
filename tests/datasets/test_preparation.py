"""Data are split as in the assignment, written once, and the same whoever writes them."""

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.datasets import (
    TEST_FILE,
    Preparation,
    SplitSpec,
    find_source,
    load_prepared,
    open_splits,
    prepare,
)
from hpsearch.foundations.errors import DamagedDataError, StoreError, UsageError
from tests.conftest import PIXELS, TWO_LAYER_NET
from tests.datasets.conftest import CENTRED, MEAN

SIZES = {"n_train": 8, "n_validation": 3, "n_test": 2}


def test_splits_are_the_first_images_and_the_next_flattened_by_height_width_colour(
    source, tmp_path
):
    prepared = prepare(source, SplitSpec(**SIZES), tmp_path)
    train = np.load(prepared.folder / "train_examples.npy")
    validation = np.load(prepared.folder / "validation_examples.npy")
    test = np.load(prepared.folder / TEST_FILE)
    dataset = source.dataset
    np.testing.assert_array_equal(train, dataset.train_images[:8].reshape(8, 12))
    np.testing.assert_array_equal(validation, dataset.train_images[8:11].reshape(3, 12))
    np.testing.assert_array_equal(test["inputs"], dataset.test_images[:2].reshape(2, 12))
    assert train[0, 2 * (3 * 1 + 2) + 1] == dataset.train_images[0, 1, 2, 1]
    labels = [
        np.load(prepared.folder / f"{split}_targets.npy") for split in ("train", "validation")
    ]
    np.testing.assert_array_equal(np.concatenate(labels), dataset.train_labels[:11])
    np.testing.assert_array_equal(test["targets"], dataset.test_labels[:2])
    assert {train.dtype, test["inputs"].dtype} == {np.dtype(np.uint8)}
    assert {labels[0].dtype, test["targets"].dtype} == {np.dtype(np.int64)}


def test_prepared_data_describes_itself_and_its_source(source, tmp_path):
    prepared = prepare(source, SplitSpec(**SIZES | {"n_test": None}), tmp_path)
    assert prepared.split_spec == SplitSpec(8, 3, 5)
    assert prepared.image_shape == (2, 3, 2)
    assert prepared.class_names == ("a", "b", "c")
    assert prepared.source_checksum == source.checksum
    assert prepared.folder.is_absolute()
    assert prepared.folder.name.startswith("toy-")


def test_manifest_holds_the_sha256_of_every_file(prepared):
    files = json.loads((prepared.folder / "manifest.json").read_bytes())["files"]
    on_disk = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in prepared.folder.iterdir()
        if path.name != "manifest.json"
    }
    assert files == on_disk
    assert TEST_FILE in files


def test_preparing_again_loads_nothing_and_writes_nothing(source, tmp_path):
    first = prepare(source, SplitSpec(**SIZES), tmp_path, MEAN)
    stamp = (first.folder / "train_examples.npy").stat()
    assert prepare(source, SplitSpec(**SIZES), tmp_path, MEAN) == first
    assert source.n_loads == 1
    assert (first.folder / "train_examples.npy").stat() == stamp


def test_checksum_depends_on_the_data_not_on_the_place(source, tmp_path):
    here = prepare(source, SplitSpec(**SIZES), tmp_path / "here")
    there = prepare(source, SplitSpec(**SIZES), tmp_path / "there")
    fewer = prepare(source, SplitSpec(**SIZES | {"n_train": 7}), tmp_path / "here")
    assert here.checksum == there.checksum
    assert here.checksum != fewer.checksum
    assert here.folder.name == there.folder.name != fewer.folder.name


def test_every_preparation_has_a_folder_and_a_checksum_of_its_own(source, tmp_path):
    """Also one that derives the same arrays: what they depend on has changed."""
    preparations = [
        Preparation({}, MEAN.derive),
        MEAN,
        Preparation({"plan": "mean", "source_sha256": "1"}, MEAN.derive),
        CENTRED,
    ]
    spec = SplitSpec(**SIZES)
    all_prepared = [prepare(source, spec, tmp_path, one) for one in preparations]
    assert len({prepared.folder for prepared in all_prepared}) == 4
    assert len({prepared.checksum for prepared in all_prepared}) == 4
    assert [prepared.preparation for prepared in all_prepared] == [
        one.identity for one in preparations
    ]
    for prepared, one in zip(all_prepared, preparations, strict=True):
        assert load_prepared(prepared.folder) == prepared == prepare(source, spec, tmp_path, one)
        prepared.verify()
    assert source.n_loads == 4


def test_arrays_are_derived_from_the_training_examples_and_their_targets(source, tmp_path):
    derived_from = []

    def derive(schema, X, y):
        derived_from.append((schema, X, y))
        return {"first": X[0], "classes": np.unique(y)}

    spec = SplitSpec(**SIZES, shuffle_seed=1)
    prepared = prepare(source, spec, tmp_path, Preparation({"plan": 1}, derive))
    splits = open_splits(prepared)
    ((schema, X, y),) = derived_from
    assert schema == prepared.schema
    np.testing.assert_array_equal(X, splits.train, strict=True)
    np.testing.assert_array_equal(y, splits.train_targets, strict=True)
    assert splits.derived.keys() == {"first", "classes"}
    np.testing.assert_array_equal(splits.derived["first"], X[0], strict=True)
    np.testing.assert_array_equal(splits.derived["classes"], np.unique(y), strict=True)


def test_examples_that_are_replaced_are_not_stored(source, tmp_path):
    plain = prepare(source, SplitSpec(**SIZES), tmp_path)
    centred = prepare(source, SplitSpec(**SIZES), tmp_path, CENTRED)
    assert (plain.folder / "train_examples.npy").exists()
    assert not (centred.folder / "train_examples.npy").exists()
    raw, splits = open_splits(plain), open_splits(centred)
    expected = (raw.train - raw.train.mean(axis=0)).astype(np.float32)
    np.testing.assert_array_equal(splits.train, expected, strict=True)
    assert splits.derived.keys() == {"mean"}
    np.testing.assert_array_equal(splits.train_targets, raw.train_targets)
    np.testing.assert_array_equal(splits.validation, raw.validation, strict=True)


def test_examples_of_another_number_in_place_of_the_training_examples_are_refused(source, tmp_path):
    short = Preparation({"plan": 1}, lambda schema, X, y: {"X": X[1:]})
    with pytest.raises(UsageError, match=r"expected an X of \d+ rows, got shape"):
        prepare(source, SplitSpec(**SIZES), tmp_path, short)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_prepared_is_refused_in_one_line_and_leaves_nothing(source, tmp_path):
    def refuse(schema, X, y):
        raise ValueError("trainer.wanted must be at most 12,\ngot 13")

    with pytest.raises(UsageError) as caught:
        prepare(source, SplitSpec(**SIZES), tmp_path, Preparation({"plan": 1}, refuse))
    assert str(caught.value) == "trainer.wanted must be at most 12, got 13"
    assert list(tmp_path.iterdir()) == []


def test_any_other_error_of_a_preparation_is_raised_as_it_is_and_leaves_nothing(source, tmp_path):
    def fail(schema, X, y):
        raise ZeroDivisionError("a fault in the trainer")

    with pytest.raises(ZeroDivisionError):
        prepare(source, SplitSpec(**SIZES), tmp_path, Preparation({"plan": 1}, fail))
    assert list(tmp_path.iterdir()) == []


def test_a_shuffle_seed_draws_other_images_but_the_same_test_split(source, tmp_path):
    plain, one, again, other = (
        prepare(source, SplitSpec(**SIZES | {"shuffle_seed": seed}), tmp_path / str(place))
        for place, seed in enumerate([None, 1, 1, 2])
    )
    assert len({plain.checksum, one.checksum, other.checksum}) == 3
    assert len({plain.folder.name, one.folder.name, other.folder.name}) == 3
    assert one.checksum == again.checksum
    assert load_prepared(one.folder) == one
    assert (plain.split_spec.shuffle_seed, one.split_spec.shuffle_seed) == (None, 1)
    assert (one.folder / TEST_FILE).read_bytes() == (plain.folder / TEST_FILE).read_bytes()


def test_shuffled_images_keep_their_labels_and_are_used_once_each(source, tmp_path):
    prepared = prepare(source, SplitSpec(**SIZES | {"n_train": 9}, shuffle_seed=1), tmp_path)
    split = open_splits(prepared)
    found = zip(
        [*split.train.tolist(), *split.validation.tolist()],
        [*split.train_targets, *split.validation_targets],
        strict=True,
    )
    expected = zip(
        source.dataset.train_images.reshape(12, -1).tolist(),
        source.dataset.train_labels,
        strict=True,
    )
    found, expected = list(found), list(expected)
    assert found != expected
    assert sorted(found) == sorted(expected)


def test_a_published_data_set_can_be_stratified(source, tmp_path):
    labels = source.dataset.train_labels
    prepared = prepare(source, SplitSpec(n_train=6, n_validation=4, stratify=True), tmp_path)
    split = open_splits(prepared)
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert abs(np.sum(split.validation_targets == label) - count * 4 / 12) <= 1
    assert prepared.split_spec.stratify
    assert load_prepared(prepared.folder) == prepared


@pytest.mark.parametrize("preparation", [MEAN, CENTRED])
def test_rounding_of_derived_arrays_is_no_difference_in_data(source, tmp_path, preparation):
    """Another processor's last bits must not make a study refuse its own data."""

    def derive_elsewhere(schema, X, y):
        derived = preparation.derive(schema, X, y)
        return {name: np.nextafter(array, array.dtype.type(1)) for name, array in derived.items()}

    elsewhere = Preparation(preparation.identity, derive_elsewhere)
    here = prepare(source, SplitSpec(**SIZES), tmp_path / "here", preparation)
    there = prepare(source, SplitSpec(**SIZES), tmp_path / "there", elsewhere)
    assert here.checksum == there.checksum
    names = open_splits(here).derived.keys() | ({"X"} if preparation is CENTRED else set())
    assert here.list_differences(there.contents) == sorted(f"derived_{name}.npy" for name in names)


def test_nothing_but_the_prepared_folder_is_left(source, tmp_path):
    prepared = prepare(source, SplitSpec(**SIZES), tmp_path, CENTRED)
    assert list(tmp_path.iterdir()) == [prepared.folder]


@pytest.mark.parametrize("name", ["train_examples.npy", "derived_mean.npy", "test.npz"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_folder_with_a_truncated_or_missing_file_is_prepared_again(source, tmp_path, name, damage):
    first = prepare(source, SplitSpec(**SIZES), tmp_path, MEAN)
    path = first.folder / name
    content = path.read_bytes()
    path.write_bytes(content[:-1]) if damage == "cut" else path.unlink()
    assert prepare(source, SplitSpec(**SIZES), tmp_path, MEAN) == first
    assert path.read_bytes() == content
    assert source.n_loads == 2
    assert list(tmp_path.iterdir()) == [first.folder]


def test_folder_with_a_broken_manifest_is_prepared_again(source, tmp_path):
    first = prepare(source, SplitSpec(**SIZES), tmp_path)
    (first.folder / "manifest.json").write_bytes(b"{")
    assert prepare(source, SplitSpec(**SIZES), tmp_path) == first
    assert list(tmp_path.iterdir()) == [first.folder]


def test_only_writing_opens_the_test_file(source, tmp_path):
    """With other bytes of the same length in its place, nothing notices."""
    prepared = prepare(source, SplitSpec(**SIZES), tmp_path)
    path = prepared.folder / TEST_FILE
    path.write_bytes(bytes(path.stat().st_size))
    assert prepare(source, SplitSpec(**SIZES), tmp_path) == load_prepared(prepared.folder)
    prepared.verify()
    open_splits(prepared)
    assert source.n_loads == 1


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"n_train": 10}, ["data.train = 10", "data.validation = 3", "13", "12"]),
        ({"n_test": 6}, ["data.test = 6", "5"]),
        ({"n_train": 0}, ["data.train", "got 0"]),
        ({"n_validation": -1}, ["data.validation", "got -1"]),
        ({"n_test": 0}, ["data.test", "got 0"]),
    ],
)
def test_impossible_size_is_refused_by_its_key(source, tmp_path, sizes, named):
    with pytest.raises(UsageError) as caught:
        prepare(source, SplitSpec(**SIZES | sizes), tmp_path / "data")
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in named)
    assert not (tmp_path / "data").exists()


def test_source_that_changes_while_it_is_read_is_refused(source, tmp_path):
    source.load = lambda: dataclasses.replace(source.dataset, checksum="another")
    with pytest.raises(DamagedDataError, match="changed"):
        prepare(source, SplitSpec(**SIZES), tmp_path)


def test_loser_of_the_race_uses_what_the_winner_wrote(source, tmp_path):
    """The winner does all its work while the loser is still loading."""
    winners = []

    def load_slowly():
        del source.load
        winners.append(prepare(source, SplitSpec(**SIZES), tmp_path))
        (winners[0].folder / "mark").touch()
        return source.dataset

    source.load = load_slowly
    assert prepare(source, SplitSpec(**SIZES), tmp_path) == winners[0]
    assert (winners[0].folder / "mark").exists()
    assert list(tmp_path.iterdir()) == [winners[0].folder]


RACER = """
import sys
from pathlib import Path
from hpsearch.datasets import Preparation, SplitSpec, find_source, prepare
folder = Path(sys.argv[1])
source = find_source("digits", folders=[], download_folder=folder)
source.load()
print("ready", flush=True)
sys.stdin.readline()
mean = Preparation({"plan": "mean"}, lambda schema, X, y: {"mean": X.mean(axis=0)})
prepared = prepare(source, SplitSpec(1000, 200), folder, mean)
prepared.verify()
print(prepared.checksum)
"""


def test_processes_preparing_at_once_all_succeed(tmp_path):
    command = [sys.executable, "-c", RACER, str(tmp_path)]
    pipe = subprocess.PIPE
    racers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    checksums = {racer.communicate()[0] for racer in racers}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(checksums) == 1
    assert len(list(tmp_path.iterdir())) == 1


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from hpsearch.datasets import SplitSpec, find_source, prepare
from hpsearch.foundations.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
source = find_source("digits", folders=[], download_folder=Path("."))
try:
    prepare(source, SplitSpec(1000, 200), Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    """A limit on the size of files makes writes fail for real, as on a full disk."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "cannot be written" in done.stdout
    assert str(tmp_path) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_a_store_error(source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        prepare(source, SplitSpec(**SIZES), tmp_path / "file" / "data")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(n_train=st.integers(1, 11), n_validation=st.integers(1, 11), n_test=st.integers(1, 5))
def test_any_sizes_that_fit_split_the_images_without_overlap(
    source, tmp_path_factory, n_train, n_validation, n_test
):
    n_validation = min(n_validation, 12 - n_train)
    sizes = {"n_train": n_train, "n_validation": n_validation, "n_test": n_test}
    prepared = prepare(source, SplitSpec(**sizes), tmp_path_factory.mktemp("data"))
    split = open_splits(prepared)
    joined = np.concatenate([split.train, split.validation])
    np.testing.assert_array_equal(
        joined, source.dataset.train_images[: n_train + n_validation].reshape(-1, 12)
    )
    assert len(split.train) == n_train
    assert prepared.split_spec.n_test == n_test


@pytest.mark.slow
def test_cifar10_as_the_assignment_splits_it(cifar10_folder, tmp_path):
    source = find_source(
        "cifar10", folders=[cifar10_folder], download_folder=tmp_path, allow_download=False
    )
    spec, preparation = SplitSpec(49_000, 1_000), TWO_LAYER_NET.preparation(PIXELS)
    prepared = prepare(source, spec, tmp_path / "data", preparation)
    prepared.verify()
    splits = open_splits(prepared)
    mean_image = splits.derived["mean_image"]
    # Printed by the course's SVM notebook, for the same 49,000 images.
    published = [130.64189796, 135.98173469, 132.47391837, 130.05569388, 135.34804082]
    np.testing.assert_allclose(mean_image[:5], published, atol=5e-9)
    assert splits.train.shape == (49_000, 3072)
    assert prepared.split_spec.n_test == 10_000
