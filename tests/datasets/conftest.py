"""Small made-up data sets, in the very formats that the real ones come in."""

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from hpsearch.datasets.cifar10 import Edition
from hpsearch.datasets.dataset import Dataset, Preparation, hash_splits
from hpsearch.datasets.preparation import prepare
from hpsearch.datasets.prepared import PreparedData
from hpsearch.datasets.splitting import SplitSpec
from hpsearch.foundations.errors import DamagedDataError

# What a trainer may derive: something of the training examples, or other ones in their place.
MEAN = Preparation({"plan": "mean"}, lambda schema, X, y: {"mean": X.mean(axis=0)})
CENTRED = Preparation(
    {"plan": "centred"},
    lambda schema, X, y: {"mean": X.mean(axis=0), "X": (X - X.mean(axis=0)).astype(np.float32)},
)

NAMES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")


def pickle_as_python_2(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch with the opcodes of the official ones (Python 2, protocol 2)."""
    n_images, n_pixels = pixels.shape
    content = pixels.tobytes()
    return b"".join(
        [
            b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(",
            *(b"K" + bytes([label]) for label in labels),
            b"eU\x04dataq\x04",
            b"cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85q\x07",
            b"U\x01b\x87Rq\x08(K\x01M" + struct.pack("<H", n_images),
            b"M" + struct.pack("<H", n_pixels) + b"\x86q\x09",
            b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            b"T" + struct.pack("<i", len(content)) + content + b"tbu.",
        ]
    )


@dataclass(frozen=True)
class FakeCifar10:
    pixels: np.ndarray
    labels: np.ndarray
    edition: Edition

    def images(self) -> np.ndarray:
        """By height, width and colour, spelt out one colour at a time."""
        planes = [self.pixels[:, 1024 * c : 1024 * (c + 1)].reshape(-1, 32, 32) for c in range(3)]
        return np.stack(planes, axis=3)

    def write_pickled(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name, pixels, labels in self._batches():
            (folder / name).write_bytes(pickle_as_python_2(pixels, labels))
        return folder

    def write_binary(self, folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name, pixels, labels in self._batches():
            records = np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1)
            (folder / f"{name}.bin").write_bytes(records.tobytes())
        return folder

    def _batches(self):
        return zip(NAMES, np.split(self.pixels, 6), np.split(self.labels, 6), strict=True)


@pytest.fixture(scope="session")
def python_2_pickle() -> Callable[[np.ndarray, np.ndarray], bytes]:
    return pickle_as_python_2


@pytest.fixture(scope="session")
def fake_cifar10() -> FakeCifar10:
    """Six batches of four images, and the checksums that vouch for them."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (24, 3072), dtype=np.uint8)
    labels = rng.integers(0, 10, 24)
    fake = FakeCifar10(pixels, labels, Edition((), "", 4))
    md5 = tuple(
        hashlib.md5(pickle_as_python_2(rows, classes)).hexdigest()
        for _, rows, classes in fake._batches()
    )
    images = fake.images()
    sha256 = hash_splits(images[:20], labels[:20], images[20:], labels[20:])
    return FakeCifar10(pixels, labels, Edition(md5, sha256, 4))


@pytest.fixture(scope="session")
def cifar10_folder() -> Path:
    """The folder that holds the real CIFAR-10."""
    folder = Path(os.environ.get("HPSEARCH_DATA_DIR", "datasets"))
    if not (folder / "cifar-10-batches-py").is_dir():
        pytest.skip("no CIFAR-10: set HPSEARCH_DATA_DIR to the folder of cifar-10-batches-py")
    return folder


@dataclass
class CountingSource:
    """A source in memory that counts how often it is loaded."""

    dataset: Dataset
    n_loads: int = field(default=0)

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def checksum(self) -> str:
        return self.dataset.checksum

    def load(self) -> Dataset:
        self.n_loads += 1
        return self.dataset


@pytest.fixture
def source() -> CountingSource:
    """Twelve images to train on and five to test, 2 by 3 pixels of 2 colours."""
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (17, 2, 3, 2), dtype=np.uint8)
    labels = rng.integers(0, 3, 17)
    splits = (images[:12], labels[:12], images[12:], labels[12:])
    return CountingSource(Dataset("toy", *splits, ("a", "b", "c"), hash_splits(*splits), "memory"))


@pytest.fixture
def prepared(source: CountingSource, tmp_path: Path) -> PreparedData:
    """With an array derived from the training examples, which are stored too."""
    return prepare(source, SplitSpec(n_train=8, n_validation=3), tmp_path / "data", MEAN)


@pytest.fixture(scope="session")
def flip() -> Callable[[bytes, int], bytes]:
    """Flip one bit of some bytes, counted from the start."""

    def flip_bit(content: bytes, bit: int) -> bytes:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        return bytes(flipped)

    return flip_bit


@pytest.fixture(scope="session")
def attempt() -> Callable[[Callable[[], object]], object]:
    """Call, and give back the value, or the one-line DamagedDataError that came instead."""

    def call_and_catch(call: Callable[[], object]) -> object:
        try:
            return call()
        except DamagedDataError as error:
            if "\n" in str(error):
                pytest.fail(f"more than one line: {error}")
            return error

    return call_and_catch
