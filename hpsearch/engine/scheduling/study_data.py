"""Prepared data of a study: found or prepared, recorded once, compared by later runs.

The study's `data_checksum` identifies images and labels. What is computed from them, such as the
components of an input transform, has the rounding of the machine that prepared it, and trained
models depend on it to the last bit. So all of it must stay the same throughout a study.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hpsearch.datasets import PreparedData, find_source, load_prepared, prepare
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TRAINING_DATA
from hpsearch.engine.scheduling.run_options import RunOptions
from hpsearch.engine.search import SearchStudy
from hpsearch.foundations.differences import list_changes
from hpsearch.foundations.errors import DataError, MissingDataError, RefusedError
from hpsearch.foundations.files import expand

__all__ = [
    "check_training_data",
    "find_prepared",
    "note_training_data",
    "prepare_data",
    "prepare_recorded_data",
]


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


def note_training_data(search: SearchStudy, data: PreparedData) -> None:
    """Record `data` as the study's; once a trial has finished, `check_training_data` instead.

    The checkpoint of an unfinished trial is tied to its data by `TrialJob.identity`.
    """
    if _has_trained(search):
        check_training_data(search, data)
        return
    note = {"contents": data.contents, "versions": data.versions}
    if search.attribute(TRAINING_DATA) != note:
        search.note(TRAINING_DATA, note)


def check_training_data(search: SearchStudy, data: PreparedData) -> None:
    """Compare `data` with the data that the study's trials were trained on.

    Raises
    ------
    RefusedError
        If anything that training reads differs, if only in its last bits; names it, and the
        versions with which the two were prepared.
    """
    name, note = search.definition.name, search.attribute(TRAINING_DATA)
    if note is None:
        if not _has_trained(search):
            return
        raise RefusedError(
            f"{name}: recorded by an older version of hpsearch, which did not note what prepared "
            "data its trials were trained on; give the study another name"
        )
    if different := data.list_differences(note["contents"]):
        changes = list_changes(note["versions"], data.versions)
        how = f"prepared with {', '.join(changes)}" if changes else "prepared with equal versions"
        raise RefusedError(
            f"{name}: {data.folder}: not the prepared data that the study's trials were trained "
            f"on: {', '.join(different)} changed ({how}); put the folder back as it was, or delete "
            "it and run with the versions of before, or give the study another name"
        )


def _has_trained(search: SearchStudy) -> bool:
    return any(record.state.is_finished for record in search.records())
