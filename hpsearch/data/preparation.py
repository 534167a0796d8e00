"""Preparing data: a loaded source cut into splits, written once, then only mapped.

The assignment's cut: training is the first images, validation the next, test the first of the
test images; the mean image is that of the training split.
"""

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.dataset import Dataset, Source
from hpsearch.data.prepared import (
    DATA_FILES,
    FORMAT_VERSION,
    MANIFEST_FILE,
    MEAN_IMAGE_FILE,
    TEST_FILE,
    TRAIN_IMAGES_FILE,
    TRAIN_LABELS_FILE,
    VALIDATION_IMAGES_FILE,
    VALIDATION_LABELS_FILE,
    PreparedData,
    load_prepared,
    read_manifest,
    seal,
)
from hpsearch.data.reading import hash_file, one_line
from hpsearch.errors import DamagedDataError, DataError, StoreError, UsageError
from hpsearch.hashing import hash_json

__all__ = ["prepare"]


def prepare(
    source: Source, *, n_train: int, n_validation: int, n_test: int | None, folder: Path
) -> PreparedData:
    """Cut the source into splits under `folder`, or take what is there from before.

    Several processes may do so at the same time; all get the same data.

    Parameters
    ----------
    source : Source
        Loaded only if need be.
    n_train, n_validation : int
        The first images of its training split, and the ones after them.
    n_test : int or None
        The first images of its test split; None for all.
    folder : Path
        The workspace's data folder; created if need be.

    Returns
    -------
    PreparedData
        In a sub-folder named after the source, its checksum and the sizes.

    Raises
    ------
    UsageError
        If a size is below 1, or asks for more images than there are.
    DamagedDataError, MissingDataError
        If the source cannot be loaded.
    StoreError
        If the disk is full or read-only.
    """
    _check_positive(n_train, n_validation, n_test)
    checksum = source.checksum
    key = hash_json(
        {
            "format": FORMAT_VERSION,
            "source_checksum": checksum,
            "n_train": n_train,
            "n_validation": n_validation,
            "n_test": n_test,
        }
    )
    target = folder.absolute() / f"{source.name}-{key[:12]}"
    if _is_whole(target):
        return load_prepared(target)
    dataset = source.load()
    if dataset.checksum != checksum:
        raise DamagedDataError(f"{dataset.source}: changed while it was being read")
    _check_sizes(dataset, n_train, n_validation, n_test)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as beside:
            staged = Path(beside, "new")
            _write(staged, dataset, n_train, n_validation, n_test)
            _install(staged, target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {one_line(error)}") from error
    return load_prepared(target)


def _check_positive(n_train: int, n_validation: int, n_test: int | None) -> None:
    sizes = {"train": n_train, "validation": n_validation, "test": n_test}
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise UsageError(f"data.{name} must be at least 1, got {size}")


def _check_sizes(dataset: Dataset, n_train: int, n_validation: int, n_test: int | None) -> None:
    available = len(dataset.train_images)
    if n_train + n_validation > available:
        raise UsageError(
            f"data.train = {n_train} and data.validation = {n_validation} ask for"
            f" {n_train + n_validation} images, {dataset.name} has {available} for the two"
        )
    if n_test is not None and n_test > len(dataset.test_images):
        raise UsageError(
            f"data.test = {n_test} asks for more test images than"
            f" the {len(dataset.test_images)} of {dataset.name}"
        )


def _is_whole(folder: Path) -> bool:
    """Whether `folder` has a good manifest and every file the size it was written with."""
    try:
        sizes = read_manifest(folder)["sizes"]
        return all((folder / name).stat().st_size == sizes[name] for name in DATA_FILES)
    except (DataError, OSError):
        return False


def _install(staged: Path, target: Path) -> None:
    """Rename `staged` to `target`, unless another process was first; replace what is damaged."""
    while not _is_whole(target):
        try:
            staged.rename(target)
        except OSError:
            if not target.exists():
                raise
            if not _is_whole(target):
                # Goes with the temporary folder that `staged` is in.
                target.rename(Path(tempfile.mkdtemp(dir=staged.parent), "damaged"))


def _write(
    folder: Path, dataset: Dataset, n_train: int, n_validation: int, n_test: int | None
) -> None:
    train, validation = slice(n_train), slice(n_train, n_train + n_validation)
    images, labels = _flatten(dataset.train_images), dataset.train_labels
    arrays: dict[str, NDArray[Any]] = {
        TRAIN_IMAGES_FILE: images[train],
        TRAIN_LABELS_FILE: labels[train],
        VALIDATION_IMAGES_FILE: images[validation],
        VALIDATION_LABELS_FILE: labels[validation],
        # An integer sum has no rounding, so the mean is exact whatever the order of summing.
        MEAN_IMAGE_FILE: images[train].sum(axis=0, dtype=np.int64) / n_train,
    }
    test_images, test_labels = _flatten(dataset.test_images)[:n_test], dataset.test_labels[:n_test]
    sizes = {"n_train": n_train, "n_validation": n_validation, "n_test": len(test_labels)}
    folder.mkdir()
    for name, array in arrays.items():
        _write_synced(folder / name, partial(np.save, arr=array))
    save_test = partial(np.savez, images=test_images, labels=test_labels)
    _write_synced(folder / TEST_FILE, save_test)
    manifest = json.dumps(seal(_describe(folder, dataset, sizes)), indent=2) + "\n"
    _write_synced(folder / MANIFEST_FILE, lambda file: file.write(manifest.encode()))


def _describe(folder: Path, dataset: Dataset, sizes: dict[str, int]) -> dict[str, Any]:
    files = {name: hash_file(folder / name) for name in DATA_FILES}
    return {
        "format": FORMAT_VERSION,
        "name": dataset.name,
        "image_shape": dataset.train_images.shape[1:],
        "class_names": dataset.class_names,
        **sizes,
        "source": dataset.source,
        "source_checksum": dataset.checksum,
        "files": files,
        "sizes": {name: (folder / name).stat().st_size for name in DATA_FILES},
        "checksum": hash_json(files),
    }


def _flatten(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)


def _write_synced(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Have `write` fill the file at `path`, and the disk have it before the folder is renamed."""
    with path.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
