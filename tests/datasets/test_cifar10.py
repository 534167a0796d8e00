"""CIFAR-10 is found in both formats, verified before it is opened, and the same from either."""

import pickle
import tarfile
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.datasets import cifar10
from hpsearch.datasets.cifar10 import Cifar10, load_batch
from hpsearch.datasets.cifar10_finding import find_cifar10, locate_cifar10
from hpsearch.datasets.dataset import hash_splits
from hpsearch.foundations.errors import DamagedDataError, MissingDataError


def test_both_formats_give_the_same_images_labels_and_checksum(fake_cifar10, tmp_path):
    edition, images = fake_cifar10.edition, fake_cifar10.images()
    pickled = Cifar10(fake_cifar10.write_pickled(tmp_path / "py"), edition).load()
    binary = Cifar10(fake_cifar10.write_binary(tmp_path / "bin"), edition).load()
    for dataset in (pickled, binary):
        np.testing.assert_array_equal(dataset.train_images, images[:20])
        np.testing.assert_array_equal(dataset.train_labels, fake_cifar10.labels[:20])
        np.testing.assert_array_equal(dataset.test_images, images[20:])
        np.testing.assert_array_equal(dataset.test_labels, fake_cifar10.labels[20:])
        assert dataset.train_labels.dtype == np.int64
        assert dataset.checksum == edition.arrays_sha256
        assert dataset.class_names[9] == "truck"


def test_batch_with_a_wrong_checksum_is_refused_before_unpickling(
    fake_cifar10, tmp_path, monkeypatch
):
    folder = fake_cifar10.write_pickled(tmp_path / "py")
    (folder / "data_batch_1").write_bytes(pickle.dumps("anything"))
    monkeypatch.setattr(cifar10, "load_batch", lambda *_: pytest.fail("was unpickled"))
    with pytest.raises(DamagedDataError, match=r"data_batch_1: has the MD5 \w{32}, expected"):
        Cifar10(folder, fake_cifar10.edition).load()


def test_batches_are_freed_one_after_the_other(fake_cifar10, tmp_path, monkeypatch):
    read, most = [], 0

    def load_and_count(content: bytes, where: str) -> tuple[object, object]:
        nonlocal most
        most = max(most, sum(pixels() is not None for pixels in read))
        pixels, labels = load_batch(content, where)
        pixels = pixels.copy()
        read.append(weakref.ref(pixels))
        return pixels, labels

    monkeypatch.setattr(cifar10, "load_batch", load_and_count)
    Cifar10(fake_cifar10.write_pickled(tmp_path / "py"), fake_cifar10.edition).load()
    assert len(read) == 6
    assert most == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_in_any_batch_is_noticed(fake_cifar10, tmp_path_factory, flip, data):
    folder = tmp_path_factory.mktemp("cifar") / "batches"
    is_pickled = data.draw(st.booleans())
    write = fake_cifar10.write_pickled if is_pickled else fake_cifar10.write_binary
    path = data.draw(st.sampled_from(sorted(write(folder).iterdir())))
    content = path.read_bytes()
    path.write_bytes(flip(content, data.draw(st.integers(0, 8 * len(content) - 1))))
    with pytest.raises(DamagedDataError):
        Cifar10(folder, fake_cifar10.edition).load()


def test_binary_batch_of_another_size_is_refused(fake_cifar10, tmp_path):
    folder = fake_cifar10.write_binary(tmp_path / "bin")
    path = folder / "data_batch_2.bin"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        DamagedDataError, match=r"data_batch_2.bin: has 12293 bytes, expected 12292"
    ):
        Cifar10(folder, fake_cifar10.edition).load()


def test_binary_batch_with_a_label_above_nine_is_refused(fake_cifar10, tmp_path):
    folder = fake_cifar10.write_binary(tmp_path / "bin")
    path = folder / "test_batch.bin"
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])
    with pytest.raises(DamagedDataError, match=r"test_batch.bin: has the label 10"):
        Cifar10(folder, fake_cifar10.edition).load()


def test_checksum_is_known_without_reading(tmp_path):
    assert Cifar10(tmp_path / "nowhere").checksum == cifar10.OFFICIAL.arrays_sha256


def test_source_can_be_pickled_and_hashed(tmp_path):
    source = Cifar10(tmp_path)
    assert {pickle.loads(pickle.dumps(source))} == {source}


@pytest.mark.parametrize("inner", ["cifar-10-batches-py", "cifar-10-batches-bin", "mine"])
def test_batches_are_found_in_a_folder_or_as_the_folder_itself(fake_cifar10, tmp_path, inner):
    write = fake_cifar10.write_binary if "bin" in inner else fake_cifar10.write_pickled
    folder = write(tmp_path / inner)
    assert locate_cifar10(folder) == folder
    if inner != "mine":
        assert locate_cifar10(tmp_path) == folder


@pytest.mark.parametrize(
    "inner", ["cifar-10-python/cifar-10-batches-py", "cifar-10-batches-py/cifar-10-batches-py"]
)
def test_batches_are_found_a_folder_deeper(fake_cifar10, tmp_path, inner):
    """As programs that unpack archives leave them."""
    folder = fake_cifar10.write_pickled(tmp_path / inner)
    for given_folder in (tmp_path, folder.parent, folder):
        assert locate_cifar10(given_folder) == folder


def _pack(folder, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=folder.name)


@pytest.mark.parametrize("kind", ["python", "binary"])
def test_an_archive_is_read_as_its_folder_would_be(fake_cifar10, tmp_path, kind):
    write = fake_cifar10.write_pickled if kind == "python" else fake_cifar10.write_binary
    folder = write(tmp_path / "elsewhere" / "batches")
    archive = tmp_path / f"cifar-10-{kind}.tar.gz"
    _pack(folder, archive)
    before = sorted(tmp_path.rglob("*"))
    source = find_cifar10(
        [tmp_path], tmp_path / "download", allow_download=False, edition=fake_cifar10.edition
    )
    assert source.folder == archive
    assert locate_cifar10(archive) == archive
    dataset = source.load()
    unpacked = Cifar10(folder, fake_cifar10.edition).load()
    np.testing.assert_array_equal(dataset.train_images, unpacked.train_images)
    assert dataset.checksum == unpacked.checksum
    assert dataset.source == str(archive)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_of_batches_is_preferred_to_an_archive(fake_cifar10, tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    folder = fake_cifar10.write_pickled(tmp_path / "cifar-10-python" / "cifar-10-batches-py")
    assert locate_cifar10(tmp_path) == folder


def test_a_damaged_archive_is_named_and_so_is_a_damaged_batch_in_it(fake_cifar10, tmp_path):
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(b"\x1f\x8b half a gzip")
    with pytest.raises(DamagedDataError, match=r"python.tar.gz: not a readable tar file"):
        find_cifar10([tmp_path], tmp_path, edition=fake_cifar10.edition).load()
    folder = fake_cifar10.write_pickled(tmp_path / "elsewhere" / "batches")
    (folder / "test_batch").write_bytes(b"other")
    _pack(folder, archive)
    with pytest.raises(DamagedDataError, match=r"python.tar.gz: test_batch: has the MD5"):
        find_cifar10([tmp_path], tmp_path, edition=fake_cifar10.edition).load()
    (folder / "test_batch").unlink()
    _pack(folder, archive)
    with pytest.raises(MissingDataError, match=r"python.tar.gz: test_batch: expected a file"):
        find_cifar10([tmp_path], tmp_path, edition=fake_cifar10.edition).load()


def test_paths_in_an_archive_cannot_escape_its_folder(fake_cifar10, tmp_path):
    folder = fake_cifar10.write_pickled(tmp_path / "elsewhere" / "batches")
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in folder.iterdir():
            tar.add(path, arcname=f"../../{path.name}")
        tar.add(folder / "test_batch", arcname="../../escaped")
    Cifar10(archive, fake_cifar10.edition).load()
    assert not list(tmp_path.parent.rglob("escaped"))


def test_an_incomplete_folder_hides_no_complete_one(fake_cifar10, tmp_path):
    (fake_cifar10.write_pickled(tmp_path / "cifar-10-batches-py") / "test_batch").unlink()
    whole = fake_cifar10.write_pickled(tmp_path / "cifar-10-python" / "cifar-10-batches-py")
    assert locate_cifar10(tmp_path) == whole


def test_folder_without_batches_is_passed_over(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert locate_cifar10(tmp_path) is None
    assert locate_cifar10(tmp_path / "nowhere") is None


def test_first_folder_that_has_it_is_taken_and_the_download_folder_last(fake_cifar10, tmp_path):
    first, second, download = (tmp_path / name for name in ("first", "second", "download"))
    in_download = fake_cifar10.write_pickled(download / "cifar-10-batches-py")
    find = {"download_folder": download, "allow_download": False}
    assert find_cifar10([first, second], **find).folder == in_download
    in_second = fake_cifar10.write_binary(second / "cifar-10-batches-bin")
    assert find_cifar10([first, second], **find).folder == in_second
    in_first = fake_cifar10.write_pickled(first)
    assert find_cifar10([first, second], **find).folder == in_first


def test_incomplete_folder_is_an_error_that_names_the_missing_batch(fake_cifar10, tmp_path):
    """Not a reason to download 170 MB without a word."""
    folder = fake_cifar10.write_pickled(tmp_path / "cifar-10-batches-py")
    (folder / "data_batch_3").unlink()
    with pytest.raises(MissingDataError, match="has no data_batch_3"):
        find_cifar10([tmp_path], tmp_path / "download")


def test_missing_data_says_in_one_line_what_to_do(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        find_cifar10([tmp_path / "mine"], tmp_path / "download", allow_download=False)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("mine", "download", "HPSEARCH_DATA_DIR", "hpsearch run quickstart"):
        assert part in message


@pytest.mark.slow
def test_official_pickled_batches_have_the_official_arrays(cifar10_folder):
    dataset = find_cifar10([cifar10_folder], cifar10_folder, allow_download=False).load()
    splits = (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels)
    assert hash_splits(*splits) == cifar10.OFFICIAL.arrays_sha256
    assert dataset.train_images.shape == (50_000, 32, 32, 3)
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10


@pytest.mark.slow
def test_official_batches_rewritten_as_binary_pass_for_official(cifar10_folder, tmp_path):
    dataset = find_cifar10([cifar10_folder], cifar10_folder, allow_download=False).load()
    images = np.concatenate([dataset.train_images, dataset.test_images])
    labels = np.concatenate([dataset.train_labels, dataset.test_labels]).astype(np.uint8)
    pixels = images.transpose(0, 3, 1, 2).reshape(-1, 3072)
    records = np.concatenate([labels[:, None], pixels], axis=1)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    for name, batch in zip(names, np.split(records, 6), strict=True):
        (tmp_path / name).write_bytes(batch.tobytes())
        assert (tmp_path / name).stat().st_size == 30_730_000
    assert Cifar10(tmp_path).load().checksum == dataset.checksum
