"""Fashion-MNIST is read from plain or gzipped idx files, and validated for want of checksums."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.datasets.fashion_mnist import FashionMnist, find_fashion_mnist, read_idx
from hpsearch.foundations.errors import DamagedDataError, MissingDataError

RNG = np.random.default_rng(3)
FILES = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.array([0, 9, 3, 3, 1], np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (2, 28, 28), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.array([4, 2], np.uint8),
}


def to_idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write(folder: Path, *, gzipped: bool = False, **changed: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (FILES | changed).items():
        content = to_idx(array)
        path = folder / (f"{name}.gz" if gzipped else name)
        path.write_bytes(gzip.compress(content) if gzipped else content)
    return folder


@pytest.mark.parametrize("gzipped", [False, True])
def test_images_and_labels_are_read(tmp_path, gzipped):
    dataset = FashionMnist(write(tmp_path, gzipped=gzipped)).load()
    train, labels, test, _ = FILES.values()
    np.testing.assert_array_equal(dataset.train_images, train[..., None])
    np.testing.assert_array_equal(dataset.train_labels, labels)
    np.testing.assert_array_equal(dataset.test_images, test[..., None])
    assert dataset.train_labels.dtype == np.int64
    assert dataset.class_names[9] == "Ankle boot"


def test_checksum_is_of_the_contents_not_of_the_compression(tmp_path):
    plain = FashionMnist(write(tmp_path / "plain"))
    gzipped = FashionMnist(write(tmp_path / "gzipped", gzipped=True))
    other = FashionMnist(
        write(tmp_path / "other", **{"t10k-labels-idx1-ubyte": np.array([4, 3], np.uint8)})
    )
    assert plain.checksum == gzipped.checksum == plain.load().checksum
    assert plain.checksum != other.checksum


@pytest.mark.parametrize(
    "inner",
    [
        *("fashion-mnist", "FashionMNIST/raw", ".", "raw", "data/fashion"),
        *("fashion-mnist-master/data/fashion", "fashion-mnist/fashion-mnist", "FashionMNIST"),
        "torchvision/FashionMNIST/raw",
    ],
)
def test_files_are_found_in_their_folder(tmp_path, inner):
    write(tmp_path / "second" / inner)
    found = find_fashion_mnist([tmp_path / "first", tmp_path / "second"])
    assert found.folder == tmp_path / "second" / inner


def test_another_data_set_in_files_of_the_same_names_is_not_taken(tmp_path):
    write(tmp_path / "MNIST" / "raw")
    with pytest.raises(MissingDataError):
        find_fashion_mnist([tmp_path])


def test_missing_files_are_named_with_where_to_put_them(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        find_fashion_mnist([tmp_path / "first", tmp_path / "second"])
    message = str(caught.value)
    assert "\n" not in message
    for part in (*FILES, str(tmp_path / "first" / "fashion-mnist"), "HPSEARCH_DATA_DIR"):
        assert part in message


def test_incomplete_folder_is_an_error_that_names_the_missing_file(tmp_path):
    (write(tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(MissingDataError, match=r"expected t10k-labels-idx1-ubyte\[.gz\] beside"):
        find_fashion_mnist([tmp_path])
    with pytest.raises(MissingDataError, match="t10k-labels-idx1-ubyte"):
        FashionMnist(tmp_path).load()


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("train-labels-idx1-ubyte", np.zeros(4, np.uint8), "has 4 labels, expected 5"),
        ("train-labels-idx1-ubyte", np.full(5, 10, np.uint8), "has the label 10"),
        ("t10k-images-idx3-ubyte", np.zeros((2, 14, 56), np.uint8), r"images of \(14, 56\)"),
        ("t10k-images-idx3-ubyte", np.zeros((2, 784), np.uint8), "begins with the bytes"),
    ],
)
def test_file_of_something_else_is_refused(tmp_path, name, array, reason):
    with pytest.raises(DamagedDataError, match=f"{name}: .*{reason}"):
        FashionMnist(write(tmp_path, **{name: array})).load()


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03\0\0", to_idx(np.zeros((1, 2, 3), "u1"))])
def test_file_of_another_length_than_its_header_says_is_refused(tmp_path, content):
    path = tmp_path / "images"
    for wrong in (content[:-1], content + b"\0"):
        path.write_bytes(wrong)
        with pytest.raises(DamagedDataError, match="images"):
            read_idx(path, 3)


@pytest.mark.parametrize("gzipped", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bit_gives_an_error_or_another_checksum_or_the_right_data(
    tmp_path_factory, flip, attempt, gzipped, data
):
    """No official checksum vouches for the pixels; so a change must show in the identity."""
    source = FashionMnist(write(tmp_path_factory.mktemp("idx"), gzipped=gzipped))
    right = source.load()
    path = data.draw(st.sampled_from(sorted(source.folder.iterdir())))
    content = path.read_bytes()
    # Most of a file is pixels; half of the flips shall hit its header.
    limit = data.draw(st.sampled_from([8 * 16, 8 * len(content)]))
    path.write_bytes(flip(content, data.draw(st.integers(0, min(limit, 8 * len(content)) - 1))))
    dataset = attempt(source.load)
    if not isinstance(dataset, DamagedDataError):
        is_right = all(
            np.array_equal(getattr(dataset, name), getattr(right, name))
            for name in ("train_images", "train_labels", "test_images", "test_labels")
        )
        assert is_right == (dataset.checksum == right.checksum)
        assert is_right or not gzipped
