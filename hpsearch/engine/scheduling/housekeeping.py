"""Housekeeping: find and remove files that no study needs; delete a study."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hpsearch.datasets import load_prepared
from hpsearch.engine.records import best_of
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.scheduling.session import locked
from hpsearch.engine.search import (
    SearchStudy,
    delete_study,
    held_storage,
    load_study,
    open_storage,
    read_confirmations,
    read_refits,
)
from hpsearch.engine.selection import list_superfluous_checkpoints
from hpsearch.engine.trial_files import CHECKPOINT_FILE
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DataError, HpsearchError, OutdatedDataError, StoreError

__all__ = ["Leftover", "delete_record", "find_leftovers", "remove"]

# Names that `write_atomically`, `prepare` and `replay_trial` give to unfinished files.
_STAGED = re.compile(r"\.(replay-.+|.+\.[0-9a-f]{32}|.+\.[a-z0-9_]{8})")


@dataclass(frozen=True)
class Leftover:
    """A file or folder of a workspace that can be removed, or why it cannot.

    Parameters
    ----------
    path : Path
        The file or folder.
    reason : str
        Why it can be removed, or cannot.
    n_bytes : int
        Its size.
    is_needed : bool
        Whether it must not be removed.
    """

    path: Path
    reason: str
    n_bytes: int = 0
    is_needed: bool = False


@contextlib.contextmanager
def find_leftovers(options: RunOptions) -> Iterator[list[Leftover]]:
    """Find superfluous files: weights of all but the best trials, unfinished files, unused data.

    Never a record, a history, predictions, a ledger, a best net, or anything of a study that is
    being run; all studies are locked as long as the context lasts. If the record of any study
    cannot be read, no data is considered unused.

    Parameters
    ----------
    options : RunOptions
        The workspace, and the storage of studies that have no journal in it.

    Yields
    ------
    list of Leftover
        Those of each study, then the data.
    """
    leftovers: list[Leftover] = []
    used: set[str | None] = set()
    with contextlib.ExitStack() as held:
        for name in options.workspace.study_names():
            folder = options.workspace.study(name)
            try:
                held.enter_context(locked(folder))
                search = _load(name, folder, options)
            except HpsearchError as error:
                leftovers.append(Leftover(folder.root, str(error), is_needed=True))
                continue
            leftovers += _search_study_folder(search, folder)
            used.add(search.data_checksum)
        if not any(one.is_needed for one in leftovers):
            leftovers += _search_data(options.workspace.data, used)
        yield leftovers


def remove(leftover: Leftover) -> None:
    """Remove a file or folder.

    Raises
    ------
    StoreError
        If it cannot be removed.
    """
    try:
        if leftover.path.is_dir():
            shutil.rmtree(leftover.path)
        else:
            leftover.path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{leftover.path}: cannot be removed ({error.strerror})") from error


@contextlib.contextmanager
def delete_record(name: str, options: RunOptions) -> Iterator[None]:
    """Lock a study, and delete its record and its folder when the context ends without an error.

    The log of test evaluations is kept.

    Parameters
    ----------
    name : str
        A recorded study.
    options : RunOptions
        The workspace, and the storage of studies that have no journal in it.

    Raises
    ------
    RefusedError
        If the study is being run; nothing is deleted then.
    StoreError
        If the storage cannot be reached, or a file cannot be removed.
    """
    folder = options.workspace.study(name)
    folder.create()  # a study on a server may have no folder in this workspace
    with (
        locked(folder),
        held_storage(options.storage_url, folder.journal, name, patience_s=0.0) as storage,
    ):
        yield
        # Files first: until the record is gone, the study is found and can be deleted again.
        for path in sorted(folder.root.iterdir()):
            if path not in (folder.journal, folder.root / "lock"):
                remove(Leftover(path, "of a deleted study"))
        delete_study(name, storage)
        remove(Leftover(folder.root, "of a deleted study"))


def _load(name: str, folder: StudyFolder, options: RunOptions) -> SearchStudy:
    url = None if folder.journal.exists() else options.storage_url
    if url is None and not folder.journal.exists():
        raise StoreError("its record is on a server; give its address with --storage")
    return load_study(name, open_storage(url, folder.journal))


def _search_study_folder(search: SearchStudy, folder: StudyFolder) -> Iterator[Leftover]:
    for path in list_superfluous_checkpoints(search.records(), folder):
        yield _measure(path, "weights of a trial that is not among the best")
    for one in read_confirmations(search):
        path = folder.confirmation(one.number, one.replicate) / CHECKPOINT_FILE
        if path.exists():  # killed between the record and the deletion
            yield _measure(path, "weights of a confirmation that has ended")
    best = best_of(search.records())
    for refit in read_refits(search):
        path = folder.refit(refit.number) / CHECKPOINT_FILE
        if path.exists() and best and refit.number != best.number:
            yield _measure(path, "weights of a refit that is no longer the best net")
    for path in sorted(folder.root.rglob(".*")):
        if _STAGED.fullmatch(path.name):
            yield _measure(path, "was never finished")


def _search_data(folder: Path, used: set[str | None]) -> Iterator[Leftover]:
    checksums, outdated = {}, []
    for path in sorted(folder.glob("*")):
        try:
            checksums[path] = load_prepared(path).checksum
        except OutdatedDataError:
            outdated.append(path)
        except DataError:
            pass
        if _STAGED.fullmatch(path.name):
            yield _measure(path, "was never finished")
        elif path in checksums and checksums[path] not in used:
            yield _measure(path, "prepared data that no study uses")
    if used <= set(checksums.values()):
        for path in outdated:
            yield _measure(path, "prepared data of an older version, and prepared again since")
        downloads = folder / "downloads"
        if downloads.exists():
            yield _measure(downloads, "downloaded; all that studies use of it is prepared")


def _measure(path: Path, reason: str) -> Leftover:
    files = [path] if path.is_file() else path.rglob("*")
    return Leftover(path, reason, sum(one.stat().st_size for one in files if one.is_file()))
