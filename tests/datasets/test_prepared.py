"""The manifest tells the truth or is refused; damage to the data is found."""

import json
import pickle

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hpsearch.datasets import load_prepared
from hpsearch.datasets.prepared import seal
from hpsearch.foundations.errors import DamagedDataError, MissingDataError

VERIFIED = (
    *("train_examples.npy", "train_targets.npy"),
    *("validation_examples.npy", "validation_targets.npy", "derived_mean.npy"),
)


def test_loading_gives_what_preparing_gave(prepared):
    assert load_prepared(prepared.folder) == prepared


def test_prepared_data_survives_the_way_to_a_worker(prepared):
    assert pickle.loads(pickle.dumps(prepared)) == prepared


def test_untouched_data_verifies(prepared):
    prepared.verify()


@pytest.mark.parametrize("name", VERIFIED)
def test_flipped_bit_in_a_data_file_is_found_and_the_cure_named(prepared, flip, name):
    path = prepared.folder / name
    path.write_bytes(flip(path.read_bytes(), 8 * path.stat().st_size - 1))
    with pytest.raises(DamagedDataError, match=rf"{name}: has the SHA-256 .* delete the folder"):
        prepared.verify()


@pytest.mark.parametrize("name", VERIFIED)
def test_missing_data_file_is_found(prepared, name):
    (prepared.folder / name).unlink()
    with pytest.raises(DamagedDataError, match=f"{name}.* delete the folder"):
        prepared.verify()


def test_verifying_leaves_the_test_file_closed(prepared):
    """The test split is read once, by the module that evaluates on it."""
    (prepared.folder / "test.npz").unlink()
    prepared.verify()


def test_missing_manifest_is_missing_data(tmp_path):
    with pytest.raises(MissingDataError, match=r"manifest.json"):
        load_prepared(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(position=0.0, bit=0)
def test_flipped_bit_in_the_manifest_never_changes_what_is_read(
    prepared, flip, attempt, position, bit
):
    path = prepared.folder / "manifest.json"
    content = path.read_bytes()
    path.write_bytes(flip(content, 8 * int(position * len(content)) + bit))
    outcome = attempt(lambda: load_prepared(prepared.folder))
    path.write_bytes(content)
    assert outcome == prepared or "delete the folder" in str(outcome)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_file_that_is_no_manifest_is_refused(prepared, content):
    (prepared.folder / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedDataError, match=r"manifest.json"):
        load_prepared(prepared.folder)


@pytest.mark.parametrize("change", [{"format": 1}, {"schema": [1]}, {"notices": None}])
def test_sealed_manifest_of_something_else_is_refused(prepared, change):
    path = prepared.folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["manifest_sha256"]
    path.write_text(json.dumps(seal(manifest | change)))
    with pytest.raises(DamagedDataError, match=r"manifest.json"):
        load_prepared(prepared.folder)
