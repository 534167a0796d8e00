"""Prepared data on disk: one file per array, with flattened rows, and a manifest.

`hpsearch.data.preparation` writes such a folder; this module defines its format and reads it. The
test split is stored there too, in `TEST_FILE`, which only `hpsearch.vault` opens.

With folds the training split holds all examples outside the test split, and there is no
validation split. A sub-folder for each fold holds a data set of its own, without a test split:
the examples of the fold for validation, all others for training.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.data.reading import hash_file, one_line, read_bytes
from hpsearch.data.scaling import TargetScale
from hpsearch.data.schema import Schema, load_schema
from hpsearch.data.split_spec import SplitSpec, load_split_spec
from hpsearch.errors import DamagedDataError, OutdatedDataError
from hpsearch.hashing import hash_json

__all__ = [
    "TEST_FILE",
    "PreparedData",
    "list_fold_folders",
    "load_prepared",
    "read_manifest",
    "seal",
]

MANIFEST_FILE = "manifest.json"
TRAIN_IMAGES_FILE = "train_images.npy"
TRAIN_LABELS_FILE = "train_labels.npy"
VALIDATION_IMAGES_FILE = "validation_images.npy"
VALIDATION_LABELS_FILE = "validation_labels.npy"
MEAN_IMAGE_FILE = "mean_image.npy"
# Of tables: the validation rows before scaling, and the fitted scaling.
VALIDATION_FEATURES_FILE = "validation_features.npy"
SCALING_FILE = "scaling.npy"
COMPONENTS_FILE = "components.npy"
VARIANCES_FILE = "variances.npy"
# Mean image and variances of contrast-normalised images.
NORMALISED_MEAN_IMAGE_FILE = "normalised_mean_image.npy"
NORMALISED_VARIANCES_FILE = "normalised_variances.npy"
TRAIN_COORDINATES_FILE = "train_coordinates.npy"
VALIDATION_COORDINATES_FILE = "validation_coordinates.npy"
# Of the DCT, if images are augmented: the frequencies that each batch is transformed to.
FREQUENCIES_FILE = "frequencies.npy"
# Of cross-validation: the fold of each example.
FOLDS_FILE = "folds.npy"
TEST_FILE = "test.npz"
# Files that depend on a machine's rounding; equal data may differ there in the last bit.
ROUNDED_FILES = frozenset(
    {
        COMPONENTS_FILE,
        VARIANCES_FILE,
        NORMALISED_MEAN_IMAGE_FILE,
        NORMALISED_VARIANCES_FILE,
        TRAIN_COORDINATES_FILE,
        VALIDATION_COORDINATES_FILE,
        FREQUENCIES_FILE,
    }
)
FORMAT_VERSION = 7
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
    n_components : int or None
        Number of components of the input transform; None for pixels.
    pixel_std : float
        Standard deviation of a pixel of the training images: root of the mean of the pixels'
        variances; 1 for tables.
    target_scale : TargetScale or None
        Scale of the targets, for regression.
    checksum : str
        SHA-256 over the splits and the specified input transform: equal for equal data,
        independent of its location and of the machine's rounding.
    source : str
        Where the data was loaded from, for display.
    source_checksum : str
        `Dataset.checksum` of the data set that was prepared.
    source_settings : dict
        `Dataset.settings`: how the source's files were read.
    notices : tuple of str
        `Dataset.notices`: messages for the user.
    contents : dict
        All that training reads, by name: ``pixel_std``, ``target_scale``, and the SHA-256 of
        each file, including `ROUNDED_FILES`, in which equal data may differ.
    versions : dict
        `machine_versions` of the process that prepared it.
    folds : tuple of PreparedData
        Data of each fold of cross-validation; their contents are part of `contents`.
    """

    folder: Path
    name: str
    schema: Schema
    split_spec: SplitSpec
    n_components: int | None
    pixel_std: float
    target_scale: TargetScale | None
    checksum: str
    source: str
    source_checksum: str
    contents: dict[str, str]
    versions: dict[str, str]
    source_settings: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
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
        As written by `hpsearch.data.prepare`.

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
        scale = manifest["target_scale"]
        return PreparedData(
            folder=folder.absolute(),
            name=manifest["name"],
            schema=load_schema(manifest["schema"]),
            split_spec=load_split_spec(manifest),
            n_components=manifest["n_components"],
            pixel_std=manifest["pixel_std"],
            target_scale=TargetScale(*scale) if scale else None,
            checksum=manifest["checksum"],
            source=manifest["source"],
            source_checksum=manifest["source_checksum"],
            source_settings=manifest["source_settings"],
            notices=tuple(manifest["notices"]),
            contents=_list_contents(manifest, folds),
            versions=dict(manifest["versions"]),
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


def list_fold_folders(folder: Path, manifest: Mapping[str, Any]) -> list[Path]:
    """List the folders of the folds, given the manifest of `folder`; none without folds."""
    return [folder / f"fold-{number}" for number in range(1, (manifest.get("n_folds") or 0) + 1)]


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return `manifest` with its own SHA-256 added, which detects any later change."""
    return {**manifest, _CHECKSUM_KEY: hash_json(manifest)}


def _list_contents(manifest: Mapping[str, Any], folds: tuple[PreparedData, ...]) -> dict[str, str]:
    files = {name: str(found) for name, found in manifest["files"].items() if name != TEST_FILE}
    scales = {name: repr(manifest[name]) for name in ("pixel_std", "target_scale")}
    of_folds = {
        f"{fold.folder.name}/{name}": found
        for fold in folds
        for name, found in fold.contents.items()
    }
    return {**files, **scales, **of_folds}


def _broken(
    folder: Path, reason: str, kind: type[DamagedDataError] = DamagedDataError
) -> DamagedDataError:
    return kind(f"{folder / MANIFEST_FILE}: not as written: {reason}; {ADVICE}")
