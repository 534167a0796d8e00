"""Find the coordinator's prepared data on a worker's machine, or prepare it there again."""

import contextlib
import dataclasses
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hpsearch.datasets.dataset import Preparation
from hpsearch.datasets.image_folder import FolderSettings, ImageFolder
from hpsearch.datasets.preparation import prepare
from hpsearch.datasets.prepared import TEST_FILE, PreparedData, load_prepared
from hpsearch.datasets.sources import find_source
from hpsearch.datasets.tabular_source import TABULAR_NAMES, TabularSettings
from hpsearch.foundations.differences import list_changes
from hpsearch.foundations.errors import DamagedDataError, DataError, MissingDataError
from hpsearch.foundations.files import holding_file

__all__ = ["find_on_this_machine"]


def find_on_this_machine(
    data: PreparedData, folders: Sequence[Path], preparation: Preparation
) -> PreparedData:
    """Find the same data on this machine: in its own folder, or in the user's cache folder.

    If it is in neither it is prepared in the cache, once for all processes, from the verified
    source. The test split is not kept there: no worker needs it.

    Parameters
    ----------
    data : PreparedData
        As the coordinator prepared it.
    folders : sequence of Path
        Where to search for the source on this machine. It is not downloaded.
    preparation : Preparation
        What the study's trainer derives from the training examples.

    Raises
    ------
    MissingDataError
        If neither the data nor its source is on this machine.
    DamagedDataError
        If the data found differs in any bit that training reads.
    OSError
        If the cache cannot be written.
    """
    with contextlib.suppress(MissingDataError):
        return _check_same(load_prepared(data.folder), data, data.folder)
    import pooch  # workers that share a folder need not import it

    cache = Path(pooch.os_cache("hpsearch"))
    here = cache / f"{data.name}-{data.checksum[:12]}"
    with contextlib.suppress(DataError):
        return _check_same(load_prepared(here), data, here)
    cache.mkdir(parents=True, exist_ok=True)
    with holding_file(cache / f".{here.name}.lock", wait_s=math.inf):
        with contextlib.suppress(DataError):  # prepared by another process meanwhile
            return _check_same(load_prepared(here), data, here)
        _prepare(data, folders, preparation, here)
        return _check_same(load_prepared(here), data, here)


def _check_same(found: PreparedData, wanted: PreparedData, place: Path) -> PreparedData:
    """Return `wanted` with the folder of `found` if their contents are equal, else raise."""
    if found.checksum != wanted.checksum:
        raise DamagedDataError(
            f"{place}: holds other data, of checksum {found.checksum[:12]}, "
            f"expected {wanted.checksum[:12]}"
        )
    if different := found.list_differences(wanted.contents):
        changes = list_changes(wanted.versions, found.versions) or ["with equal versions"]
        raise DamagedDataError(
            f"{place}: prepared on this machine, {', '.join(different)} differ from the "
            f"coordinator's ({', '.join(changes)}); copy its {wanted.folder} to this path"
        )
    return dataclasses.replace(wanted, folder=found.folder, folds=found.folds)


def _find_own_settings(data: PreparedData) -> FolderSettings | TabularSettings | None:
    if data.name in TABULAR_NAMES:
        return TabularSettings.load(data.source, data.source_settings)
    if data.name != ImageFolder.name:
        return None
    return FolderSettings.load(Path(data.source), data.source_settings)


def _prepare(
    data: PreparedData, folders: Sequence[Path], preparation: Preparation, here: Path
) -> None:
    source = find_source(
        data.name,
        folders=folders,
        download_folder=here,
        own=_find_own_settings(data),
        allow_download=False,
    )
    if source.checksum != data.source_checksum:
        raise DamagedDataError(
            f"{data.name}: this machine has a source of checksum {source.checksum[:12]}, "
            f"the coordinator's is {data.source_checksum[:12]}"
        )
    with tempfile.TemporaryDirectory(dir=here.parent, prefix=f".{here.name}.") as temporary:
        made = prepare(source, data.split_spec, Path(temporary), preparation)
        _check_same(made, data, here)
        made.verify()
        (made.folder / TEST_FILE).unlink()
        shutil.rmtree(here, ignore_errors=True)
        made.folder.rename(here)
