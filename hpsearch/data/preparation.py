"""Prepare data: split a loaded source and write it once, to be memory-mapped by workers.

The split of the assignment: training is the first images, validation the next, test the first of
the test images; the mean image is that of the training split. Training and validation images can
be shuffled first, test images never are.

`hpsearch.data.selection` selects the images of sources without a published order, and assigns
the folds of cross-validation.
"""

import dataclasses
import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hpsearch.data.dataset import Dataset, Source
from hpsearch.data.fitting import fit_training_images
from hpsearch.data.prepared import (
    COMPONENTS_FILE,
    FOLDS_FILE,
    FORMAT_VERSION,
    MANIFEST_FILE,
    MEAN_IMAGE_FILE,
    ROUNDED_FILES,
    TEST_FILE,
    TRAIN_COORDINATES_FILE,
    TRAIN_LABELS_FILE,
    VALIDATION_COORDINATES_FILE,
    VALIDATION_IMAGES_FILE,
    VALIDATION_LABELS_FILE,
    PreparedData,
    list_fold_folders,
    load_prepared,
    read_manifest,
    seal,
)
from hpsearch.data.preprocessing import Preprocessing
from hpsearch.data.reading import hash_file, one_line
from hpsearch.data.selection import (
    Selection,
    assign_folds,
    check_basis,
    check_positive,
    select,
)
from hpsearch.data.split_spec import SplitSpec
from hpsearch.data.table_files import make_table_files
from hpsearch.data.tabular import TabularDataset
from hpsearch.errors import DamagedDataError, DataError, StoreError
from hpsearch.hashing import hash_json
from hpsearch.versions import machine_versions

__all__ = ["prepare"]

# Manifest entries that only images have, with their values for tables.
_NO_IMAGES = {"pixel_std": 1.0, "n_components": None, "target_scale": None}


def prepare(source: Source, split_spec: SplitSpec, folder: Path) -> PreparedData:
    """Split the source and write it under `folder`, or load what was prepared before.

    Safe to run in several processes at once; all get the same data.

    Parameters
    ----------
    source : Source
        Loaded only if it has not been prepared before.
    split_spec : SplitSpec
        Sizes and order of the splits, and the input transform.
    folder : Path
        The workspace's data folder; created if need be.

    Returns
    -------
    PreparedData
        In a sub-folder named after the source and a hash of its checksum and `split_spec`.

    Raises
    ------
    UsageError
        If a size is below 1, or asks for more images, components or folds than there are.
    DamagedDataError, MissingDataError
        If the source cannot be loaded.
    StoreError
        If the disk is full or read-only.
    """
    check_positive(split_spec)
    checksum = source.checksum
    key = hash_json(
        {"format": FORMAT_VERSION, "source_checksum": checksum, **split_spec.describe()}
    )
    target = folder.absolute() / f"{source.name}-{key[:12]}"
    if _is_complete(target):
        return load_prepared(target)
    dataset = source.load()
    if dataset.checksum != checksum:
        raise DamagedDataError(f"{dataset.source}: changed while it was being read")
    items = dataset.items()
    write = (
        partial(_write, selection=select(items, split_spec), split_spec=split_spec)
        if split_spec.n_folds is None
        else partial(_write_folds, folds=assign_folds(items, split_spec), split_spec=split_spec)
    )
    if isinstance(dataset, Dataset):
        check_basis(split_spec, dataset.train_images.shape[1:], dataset.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            staged = Path(temporary, "new")
            write(staged, dataset)
            _install(staged, target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {one_line(error)}") from error
    return load_prepared(target)


def _is_complete(folder: Path) -> bool:
    """Whether `folder` has a valid manifest and every file has the size recorded there."""
    try:
        manifest = read_manifest(folder)
        sizes: dict[str, int] = manifest["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items()) and all(
            _is_complete(fold) for fold in list_fold_folders(folder, manifest)
        )
    except (DataError, OSError):
        return False


def _install(staged: Path, target: Path) -> None:
    """Rename `staged` to `target`, unless another process was first; replace damaged data."""
    while not _is_complete(target):
        try:
            staged.rename(target)
        except OSError:
            if not target.exists():
                raise
            if not _is_complete(target):
                # Deleted together with the temporary folder that contains `staged`.
                target.rename(Path(tempfile.mkdtemp(dir=staged.parent), "damaged"))


def _write_folds(
    folder: Path, dataset: Dataset | TabularDataset, split_spec: SplitSpec, folds: NDArray[np.int64]
) -> None:
    """Write all examples as a training split, and each fold as a data set of its own."""
    everything = Selection(np.arange(len(folds)), np.arange(0))
    whole = dataclasses.replace(split_spec, n_train=len(folds))
    _write(folder, dataset, whole, everything, {FOLDS_FILE: folds})
    for number, path in enumerate(list_fold_folders(folder, split_spec.describe())):
        train, validation = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        own = dataclasses.replace(
            split_spec, n_train=len(train), n_validation=len(validation), n_test=0, n_folds=None
        )
        _write(path, dataset, own, Selection(train, validation))


def _write(
    folder: Path,
    dataset: Dataset | TabularDataset,
    split_spec: SplitSpec,
    selection: Selection,
    more: Mapping[str, NDArray[Any]] = MappingProxyType({}),
) -> None:
    inputs: NDArray[Any]
    targets: NDArray[Any]
    if isinstance(dataset, Dataset):
        arrays, facts = _make_image_files(dataset, split_spec, selection)
        inputs, targets = _flatten(dataset.test_images), dataset.test_labels
    else:
        arrays, facts = make_table_files(dataset, selection)
        inputs, targets = dataset.test.features, dataset.test.targets
    arrays |= more
    folder.mkdir()
    for name, array in arrays.items():
        _write_synced(folder / name, partial(np.save, arr=array))
    names = list(arrays)
    test = slice(split_spec.n_test)
    if split_spec.n_test != 0:  # folds have no test split
        save_test = partial(np.savez, inputs=inputs[test], targets=targets[test])
        _write_synced(folder / TEST_FILE, save_test)
        names.append(TEST_FILE)
    facts = {**_NO_IMAGES, **split_spec.describe(), "n_test": len(targets[test]), **facts}
    files = {name: hash_file(folder / name) for name in names}
    manifest = json.dumps(seal(_describe(folder, dataset, facts, files)), indent=2) + "\n"
    _write_synced(folder / MANIFEST_FILE, lambda file: file.write(manifest.encode()))


def _make_image_files(
    dataset: Dataset, split_spec: SplitSpec, selection: Selection
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Make the arrays to write, by file name, and the manifest entries computed from them."""
    images, labels = _flatten(dataset.train_images), dataset.train_labels
    train, validation = images[selection.train], images[selection.validation]
    shape = dataset.train_images.shape[1:]
    # An integer sum has no rounding, so the mean is exact whatever the order of summing.
    mean_image = train.sum(axis=0, dtype=np.int64) / split_spec.n_train
    mean_square = np.einsum("ij,ij->", train, train, dtype=np.int64) / train.size
    arrays: dict[str, NDArray[Any]] = {
        **fit_training_images(
            train, mean_image, shape, split_spec.basis, split_spec.is_augmentable
        ),
        TRAIN_LABELS_FILE: labels[selection.train],
        VALIDATION_IMAGES_FILE: validation,
        VALIDATION_LABELS_FILE: labels[selection.validation],
        MEAN_IMAGE_FILE: mean_image,
    }
    if TRAIN_COORDINATES_FILE in arrays:
        fitted = Preprocessing(mean_image.astype(np.float32), arrays[COMPONENTS_FILE])
        with threadpool_limits(1):  # bit-identical on equal machines
            arrays[VALIDATION_COORDINATES_FILE] = fitted.apply(validation)
    return arrays, {
        "pixel_std": float(np.sqrt(mean_square - np.mean(mean_image**2))),
        "n_components": arrays[COMPONENTS_FILE].shape[1] if split_spec.basis else None,
    }


def _describe(
    folder: Path, dataset: Dataset | TabularDataset, sizes: dict[str, Any], files: dict[str, str]
) -> dict[str, Any]:
    exact = {name: found for name, found in files.items() if name not in ROUNDED_FILES}
    wanted = [sizes["basis"], *(["augmentable"] if sizes["is_augmentable"] else [])]
    return {
        "format": FORMAT_VERSION,
        "name": dataset.name,
        "schema": dataset.schema.describe(),
        **sizes,
        "source": dataset.source,
        "source_settings": dict(dataset.settings),
        "notices": dataset.notices,
        "source_checksum": dataset.checksum,
        "files": files,
        "sizes": {name: (folder / name).stat().st_size for name in files},
        "checksum": hash_json([exact, dataset.checksum, *wanted]),
        "versions": machine_versions(),
    }


def _flatten(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)


def _write_synced(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write the file at `path` by `write`, and flush it to disk before the folder is renamed."""
    with path.open("wb") as file:
        try:
            write(file)
        except OSError as error:
            if error.errno is None:  # NumPy reports only the number of bytes written
                raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error})") from error
            raise
        file.flush()
        os.fsync(file.fileno())
