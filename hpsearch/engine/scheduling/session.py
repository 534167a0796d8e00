"""Session: exclusive hold of a study, with its lock, data, storage and its workers' lease."""

import contextlib
import dataclasses
import os
import platform
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from hpsearch.datasets import PreparedData, find_source, load_prepared, open_splits, prepare
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import FileLease, FileSpareCores
from hpsearch.engine.scheduling.options import RunOptions
from hpsearch.engine.search import (
    HOLDER,
    Holder,
    SearchStudy,
    check_training_data,
    create_or_continue_study,
    held_storage,
    note_training_data,
    parse_holder,
    watch_record,
)
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.errors import DataError, MissingDataError, RefusedError, StoreError
from hpsearch.foundations.files import expand

__all__ = [
    "Session",
    "find_prepared",
    "locked",
    "open_session",
    "prepare_data",
    "prepare_recorded_data",
]

# A database server takes seconds to restart, and a minute to fail over to its replica.
_STORAGE_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Session:
    """A study held by this process.

    Parameters
    ----------
    search : SearchStudy
        The study's record.
    data : PreparedData
        The study's prepared data.
    folder : StudyFolder
        The study's files.
    lease : FileLease
        Permission for the workers to train; revoked when the session ends.
    spare_cores : FileSpareCores
        Number of idle cores that running trials may use.
    earlier : Holder or None
        Process that ran the study last.
    """

    search: SearchStudy
    data: PreparedData
    folder: StudyFolder
    lease: FileLease
    spare_cores: FileSpareCores
    earlier: Holder | None = None

    @property
    def definition(self) -> StudyDefinition:
        """The study's definition."""
        return self.search.definition

    def add_checksum(self, number: int) -> None:
        """Add the checksum of trial `number` once it is recorded."""
        if checksums := self.search.checksums:
            checksums.add_trial(self.search.trials()[number], self.folder.history(number))


@contextlib.contextmanager
def open_session(
    definition: StudyDefinition,
    options: RunOptions,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[Session]:
    """Lock a study, and create it or load it to be continued.

    Trials that a dead coordinator left running are returned to the queue first.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    options : RunOptions
        Options of the run.
    meanwhile : callable
        Called before the data are prepared, to start work in parallel; not called if they are
        prepared already.

    Raises
    ------
    RefusedError
        If another process holds the study, in this workspace or another one; or the storage has a
        study of that name with another definition or of another program; or its trials were
        trained on other prepared data.
    DataError
        If the data is missing or damaged.
    StoreError
        If the workspace or the storage cannot be reached or written.
    """
    folder = options.workspace.study(definition.name)
    folder.create()
    lease = FileLease(folder.lease, uuid.uuid4().hex, os.getpid(), platform.node())
    with locked(folder), contextlib.ExitStack() as held:
        data = prepare_data(definition, options, meanwhile)
        data.verify()
        for one in (data, *data.folds):
            definition.check(f"{definition.name}: ", one.schema, open_splits(one).derived)
        storage = held.enter_context(
            held_storage(
                options.storage_url,
                folder.journal,
                definition.name,
                patience_s=_STORAGE_PATIENCE_S,
            )
        )
        search = create_or_continue_study(definition, storage, data_checksum=data.checksum)
        earlier = parse_holder(search.attribute(HOLDER))
        holder = Holder.of_this_process(options.workspace.root)
        watch_record(search, folder.checksums, folder.history, session=holder.session)
        note_training_data(search, data)
        search.note(HOLDER, holder.as_note())
        search.release_orphans()
        spare_cores = FileSpareCores(folder.spare_cores)
        spare_cores.lend(0)
        lease.grant()
        try:
            yield Session(search, data, folder, lease, spare_cores, earlier)
        finally:
            lease.revoke()
            spare_cores.lend(0)


def prepare_data(
    definition: StudyDefinition,
    options: RunOptions,
    meanwhile: Callable[[], None] = lambda: None,
) -> PreparedData:
    """Find the study's data and prepare it, unless it is prepared already.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    options : RunOptions
        Folders of source and prepared data.
    meanwhile : callable
        Called before the data are prepared, to start work in parallel; not called if they are
        prepared already.

    Raises
    ------
    DataError
        If the data is missing or damaged.
    """
    settings, folder = definition.data, options.workspace.data
    find = partial(
        find_source,
        settings.source,
        folders=options.data_dirs,
        download_folder=folder / "downloads",
        own=settings.own(),
        show_progress=options.show_progress,
    )
    try:
        source = find(allow_download=False)
    except MissingDataError:
        # Prepared data is enough; its source is not needed.
        if prepared := find_prepared(definition, folder):
            return prepared
        source = find(allow_download=True)
    if not find_prepared(definition, folder):
        meanwhile()
    return prepare(source, definition.split_spec(), folder, definition.preparation())


def prepare_recorded_data(search: SearchStudy, options: RunOptions) -> PreparedData:
    """Prepare and verify the data of a recorded study, on which its trials were trained.

    Raises
    ------
    DataError
        If the data is missing or damaged.
    RefusedError
        If the trials were trained on other data.
    """
    data = prepare_data(search.definition, options)
    data.verify()
    check_training_data(search, data)
    return data


def find_prepared(definition: StudyDefinition, folder: Path) -> PreparedData | None:
    """Find the data that an earlier run has prepared in `folder`; None if there is none."""
    wanted, preparation = definition.split_spec(), definition.preparation().identity
    for path in sorted(folder.glob(f"{definition.data.source}-*")):
        with contextlib.suppress(DataError):
            data = load_prepared(path)
            # Prepared data has the number of test images, even where the study asks for all.
            n_test = data.split_spec.n_test if wanted.n_test is None else wanted.n_test
            # And with folds the number of examples in all of them.
            n_train = data.split_spec.n_train if wanted.n_folds else wanted.n_train
            is_asked_for = data.preparation == preparation and data.split_spec == (
                dataclasses.replace(wanted, n_test=n_test, n_train=n_train)
            )
            if is_asked_for and _has_own_data(data, definition):
                return data
    return None


def _has_own_data(data: PreparedData, definition: StudyDefinition) -> bool:
    """Whether `data` was prepared from the study's own images or tables, or the study has none."""
    own = definition.data.own()
    if own is None:
        return True
    if definition.data.load is not None:
        place = definition.data.load
    else:
        place = str(expand(Path(definition.data.place or "")).resolve())
    return data.source_settings == own.describe() and data.source == place


@contextlib.contextmanager
def locked(folder: StudyFolder) -> Iterator[None]:
    """Lock a study's folder, so that no other process runs the study.

    Raises
    ------
    RefusedError
        If another process holds it.
    StoreError
        If the lock cannot be written.
    """
    # The operating system releases the lock when its holder dies, even if it is killed.
    lock = FileLock(folder.root / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        holder = FileLease.read(folder.lease)
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        raise RefusedError(
            f"{folder.root.name}: the study is being run by {who}; one at a time"
        ) from error
    except OSError as error:
        raise StoreError(f"{lock.lock_file}: cannot be written ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()
