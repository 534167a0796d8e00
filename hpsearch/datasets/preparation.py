"""Prepare data: split a loaded source and write it once, to be memory-mapped by workers.

The split of the assignment: training is the first images, validation the next, test the first of
the test images. Training and validation images can be shuffled first, test images never are.
"""

import dataclasses
import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.datasets.dataset import NO_PREPARATION, Dataset, Preparation, Source
from hpsearch.datasets.prepared import (
    FOLDS_FILE,
    FORMAT_VERSION,
    MANIFEST_FILE,
    TEST_FILE,
    TRAIN_FILE,
    TRAIN_TARGETS_FILE,
    VALIDATION_FILE,
    VALIDATION_TARGETS_FILE,
    PreparedData,
    derived_file,
    list_fold_folders,
    load_prepared,
    read_manifest,
    seal,
)
from hpsearch.datasets.selecting import Selection, assign_folds, check_positive, select
from hpsearch.datasets.splitting import SplitSpec
from hpsearch.datasets.tabular import TabularDataset
from hpsearch.foundations.errors import DamagedDataError, DataError, StoreError, UsageError
from hpsearch.foundations.hashing import hash_file, hash_json
from hpsearch.foundations.text import one_line
from hpsearch.foundations.versions import machine_versions

__all__ = ["prepare"]


def prepare(
    source: Source,
    split_spec: SplitSpec,
    folder: Path,
    preparation: Preparation = NO_PREPARATION,
) -> PreparedData:
    """Split the source and write it under `folder`, or load what was prepared before.

    Safe to run in several processes at once; all get the same data.

    Parameters
    ----------
    source : Source
        Loaded only if it has not been prepared before.
    split_spec : SplitSpec
        Sizes and order of the splits.
    folder : Path
        The workspace's data folder; created if need be.
    preparation : Preparation
        What the trainer derives from the training examples.

    Returns
    -------
    PreparedData
        In a sub-folder named after the source and a hash of its checksum, `split_spec` and the
        preparation's identity.

    Raises
    ------
    UsageError
        If a size is below 1, or asks for more examples or folds than there are, or the trainer
        cannot prepare such data.
    DamagedDataError, MissingDataError
        If the source cannot be loaded.
    StoreError
        If the disk is full or read-only.
    """
    check_positive(split_spec)
    checksum = source.checksum
    key = hash_json(
        {
            "format": FORMAT_VERSION,
            "source_checksum": checksum,
            "preparation": preparation.identity,
            **split_spec.describe(),
        }
    )
    target = folder.absolute() / f"{source.name}-{key[:12]}"
    if _is_complete(target):
        return load_prepared(target)
    dataset = source.load()
    if dataset.checksum != checksum:
        raise DamagedDataError(f"{dataset.source}: changed while it was being read")
    items, write = dataset.items(), _Writer(dataset, preparation)
    if split_spec.n_folds is None:
        selection = select(items, split_spec)
        write_all = partial(write, split_spec=split_spec, selection=selection)
    else:
        folds = assign_folds(items, split_spec)
        write_all = partial(write.folds, split_spec=split_spec, folds=folds)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as temporary:
            staged = Path(temporary, "new")
            write_all(staged)
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


@dataclass(frozen=True)
class _Writer:
    """Writes prepared data of one data set."""

    dataset: Dataset | TabularDataset
    preparation: Preparation

    def folds(self, folder: Path, split_spec: SplitSpec, folds: NDArray[np.int64]) -> None:
        """Write all examples as a training split, and each fold as a data set of its own."""
        everything = Selection(np.arange(len(folds)), np.arange(0))
        whole = dataclasses.replace(split_spec, n_train=len(folds))
        self(folder, whole, everything, {FOLDS_FILE: folds})
        for number, path in enumerate(list_fold_folders(folder, split_spec.describe())):
            train, validation = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
            own = dataclasses.replace(
                split_spec, n_train=len(train), n_validation=len(validation), n_test=0, n_folds=None
            )
            self(path, own, Selection(train, validation))

    def __call__(
        self,
        folder: Path,
        split_spec: SplitSpec,
        selection: Selection,
        more: Mapping[str, NDArray[Any]] = MappingProxyType({}),
    ) -> None:
        """Write the examples of `selection`, the derived arrays and a manifest."""
        (examples, targets), (test_examples, test_targets) = self.dataset.examples()
        X, y = examples[selection.train], targets[selection.train]
        derived = dict(self._derive(X, y))
        arrays: dict[str, NDArray[Any]] = {
            **({} if "X" in derived else {TRAIN_FILE: X}),
            TRAIN_TARGETS_FILE: y,
            VALIDATION_FILE: examples[selection.validation],
            VALIDATION_TARGETS_FILE: targets[selection.validation],
            **{derived_file(name): array for name, array in derived.items()},
            **more,
        }
        folder.mkdir()
        for name, array in arrays.items():
            _write_synced(folder / name, partial(np.save, arr=array))
        names = list(arrays)
        test = slice(split_spec.n_test)
        if split_spec.n_test != 0:  # folds have no test split
            save_test = partial(np.savez, inputs=test_examples[test], targets=test_targets[test])
            _write_synced(folder / TEST_FILE, save_test)
            names.append(TEST_FILE)
        files = {name: hash_file(folder / name) for name in names}
        sizes = {**split_spec.describe(), "n_test": len(test_targets[test])}
        manifest = json.dumps(seal(self._describe(folder, sizes, files, derived)), indent=2) + "\n"
        _write_synced(folder / MANIFEST_FILE, lambda file: file.write(manifest.encode()))

    def _derive(self, X: NDArray[Any], y: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        try:
            derived = self.preparation.derive(self.dataset.schema, X, y)
        except ValueError as error:
            raise UsageError(one_line(error)) from error
        if "X" in derived and derived["X"].shape[:1] != (len(y),):
            raise UsageError(
                f"the trainer's prepare: expected an X of {len(y)} rows, got shape "
                f"{derived['X'].shape}"
            )
        return derived

    def _describe(
        self,
        folder: Path,
        sizes: dict[str, Any],
        files: dict[str, str],
        derived: Mapping[str, NDArray[Any]],
    ) -> dict[str, Any]:
        dataset, identity = self.dataset, dict(self.preparation.identity)
        rounded = set(map(derived_file, derived))
        exact = {name: found for name, found in files.items() if name not in rounded}
        return {
            "format": FORMAT_VERSION,
            "name": dataset.name,
            "schema": dataset.schema.describe(),
            **sizes,
            "source": dataset.source,
            "source_settings": dict(dataset.settings),
            "notices": dataset.notices,
            "source_checksum": dataset.checksum,
            "preparation": identity,
            "derived": {name: [one.dtype.str, one.shape] for name, one in derived.items()},
            "files": files,
            "sizes": {name: (folder / name).stat().st_size for name in files},
            # Training examples that were replaced are covered by their source and their split.
            "checksum": hash_json([exact, dataset.checksum, sizes, identity]),
            "versions": machine_versions(),
        }


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
