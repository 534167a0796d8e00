"""Prepared data on disk: one file per array, with flattened rows, and a manifest.

`hpsearch.datasets.preparation` writes such a folder; this module defines its format and reads it.
The test split is stored there too, in `TEST_FILE`, which only `hpsearch.engine.test_evaluation`
opens.

With folds the training split holds all examples outside the test split, and there is no
validation split. A sub-folder for each fold holds a data set of its own, without a test split:
the examples of the fold for validation, all others for training.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.datasets.schema import Schema, load_schema
from hpsearch.datasets.splitting import SplitSpec, load_split_spec
from hpsearch.foundations.errors import DamagedDataError, OutdatedDataError
from hpsearch.foundations.files import read_bytes
from hpsearch.foundations.hashing import hash_file, hash_json
from hpsearch.foundations.text import one_line

__all__ = [
    "TEST_FILE",
    "PreparedData",
    "derived_file",
    "list_fold_folders",
    "load_prepared",
    "read_manifest",
    "seal",
]

MANIFEST_FILE = "manifest.json"
# Examples, pixels or columns, one in a row; and their classes or numbers.
TRAIN_FILE = "train_examples.npy"
TRAIN_TARGETS_FILE = "train_targets.npy"
VALIDATION_FILE = "validation_examples.npy"
VALIDATION_TARGETS_FILE = "validation_targets.npy"
# Of cross-validation: the fold of each example.
FOLDS_FILE = "folds.npy"
TEST_FILE = "test.npz"
# Arrays that the trainer has derived from the training examples. They depend on a machine's
# rounding; of equal data they may differ in the last bit.
_DERIVED = "derived_{}.npy"
FORMAT_VERSION = 8
ADVICE = "delete the folder and it will be prepared again"

_CHECKSUM_KEY = "manifest_sha256"


@dataclass(frozen=True)
class PreparedData:
    """A folder of prepared data, as its manifest describes it; small and picklable.

    Parameters
    ----------
    folder : Path
        Where it is; absolute.
    name : str
        Name of the source, as in a study file.
    schema : Schema
        Structure of an example and its target.
    split_spec : SplitSpec
        How the source was split, with the actual number of test examples.
    preparation : dict
        `Preparation.identity` of the arrays that the trainer derived from the training examples.
    checksum : str
        SHA-256 over the splits and `preparation`: equal for equal data, independent of its
        location and of the machine's rounding.
    source : str
        Where the data was loaded from, for display.
    source_checksum : str
        `Dataset.checksum` of the data set that was prepared.
    source_settings : dict
        `Dataset.settings`: how the source's files were read.
    notices : tuple of str
        `Dataset.notices`: messages for the user.
    contents : dict
        SHA-256 of each file that training reads, by name; including those of the derived arrays,
        in which equal data may differ.
    versions : dict
        `machine_versions` of the process that prepared it.
    derived : dict
        Dtype and shape of each array that the trainer derived, by name.
    folds : tuple of PreparedData
        Data of each fold of cross-validation; their contents are part of `contents`.
    """

    folder: Path
    name: str
    schema: Schema
    split_spec: SplitSpec
    preparation: dict[str, Any]
    checksum: str
    source: str
    source_checksum: str
    contents: dict[str, str]
    versions: dict[str, str]
    source_settings: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    derived: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    folds: tuple["PreparedData", ...] = ()

    def list_differences(self, contents: Mapping[str, str]) -> list[str]:
        """List the entries that differ from those in `contents`, or are in only one of the two."""
        names = sorted(self.contents.keys() | contents.keys())
        return [name for name in names if self.contents.get(name) != contents.get(name)]

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Height, width and colours, whose product is the length of a row; None for tables."""
        return self.schema.image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class."""
        return self.schema.class_names

    def verify(self) -> None:
        """Verify the checksums of all files but the test file, which is not read.

        Raises
        ------
        DamagedDataError
            If the manifest or a file is not as it was written.
        """
        expected = read_manifest(self.folder)["files"]
        for name in expected.keys() - {TEST_FILE}:
            path = self.folder / name
            try:
                found = hash_file(path)
            except OSError as error:
                reason = f"{path}: cannot be read: {one_line(error)}; {ADVICE}"
                raise DamagedDataError(reason) from error
            if found != expected[name]:
                raise DamagedDataError(
                    f"{path}: has the SHA-256 {found}, expected {expected[name]}; {ADVICE}"
                )
        for fold in self.folds:
            fold.verify()


def load_prepared(folder: Path) -> PreparedData:
    """Read the manifest in `folder`; the arrays stay on disk, unverified.

    Parameters
    ----------
    folder : Path
        As written by `hpsearch.datasets.prepare`.

    Returns
    -------
    PreparedData
        With an absolute folder.

    Raises
    ------
    DamagedDataError
        If the manifest is corrupt.
    MissingDataError
        If there is no manifest.
    """
    manifest = read_manifest(folder)
    folds = tuple(load_prepared(one) for one in list_fold_folders(folder, manifest))
    try:
        return PreparedData(
            folder=folder.absolute(),
            name=manifest["name"],
            schema=load_schema(manifest["schema"]),
            split_spec=load_split_spec(manifest),
            preparation=manifest["preparation"],
            checksum=manifest["checksum"],
            source=manifest["source"],
            source_checksum=manifest["source_checksum"],
            source_settings=manifest["source_settings"],
            notices=tuple(manifest["notices"]),
            contents=_list_contents(manifest, folds),
            versions=dict(manifest["versions"]),
            derived={
                name: (dtype, tuple(shape)) for name, (dtype, shape) in manifest["derived"].items()
            },
            folds=folds,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(folder, one_line(error)) from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest in `folder`.

    Besides the fields of `PreparedData` it holds ``files`` and ``sizes``: by name, the SHA-256
    and the size in bytes of each file, including the test file.

    Raises
    ------
    OutdatedDataError
        If an older version of the program wrote it.
    DamagedDataError
        If it is corrupt, or a newer version wrote it.
    MissingDataError
        If there is no manifest.
    """
    content = read_bytes(folder / MANIFEST_FILE)
    try:
        manifest = json.loads(content)
        found = manifest.pop(_CHECKSUM_KEY)
        expected = hash_json(manifest)
    except Exception as error:  # corrupt text can be any JSON, or none
        raise _broken(folder, f"{type(error).__name__}: {one_line(error)}") from error
    if found != expected:
        raise _broken(folder, f"its content has the SHA-256 {expected}, it says {found}")
    if (version := manifest.get("format")) != FORMAT_VERSION:
        is_older = isinstance(version, int) and version < FORMAT_VERSION
        kind = OutdatedDataError if is_older else DamagedDataError
        raise _broken(folder, f"format {version}, expected {FORMAT_VERSION}", kind)
    return dict(manifest)


def derived_file(name: str) -> str:
    """Return the name of the file with the derived array `name`."""
    return _DERIVED.format(name)


def list_fold_folders(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """List the folders of the folds, given the manifest of `folder`; none without folds."""
    return [folder / f"fold-{number}" for number in range(1, (manifest.get("n_folds") or 0) + 1)]


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return `manifest` with its own SHA-256 added, which detects any later change."""
    return {**manifest, _CHECKSUM_KEY: hash_json(manifest)}


def _list_contents(manifest: Mapping[str, Any], folds: tuple[PreparedData, ...]) -> dict[str, str]:
    files = {name: str(found) for name, found in manifest["files"].items() if name != TEST_FILE}
    of_folds = {
        f"{fold.folder.name}/{name}": found
        for fold in folds
        for name, found in fold.contents.items()
    }
    return {**files, **of_folds}


def _broken(
    folder: Path, reason: str, kind: type[DamagedDataError] = DamagedDataError
) -> DamagedDataError:
    return kind(f"{folder / MANIFEST_FILE}: not as written: {reason}; {ADVICE}")
