"""The prepared data that a study's trials are trained on: recorded once, compared by later runs.

The study's `data_checksum` identifies images and labels. What is computed from them, such as the
components of an input transform, has the rounding of the machine that prepared it, and trained
models depend on it to the last bit. So all of it must stay the same throughout a study.
"""

from hpsearch.datasets import PreparedData
from hpsearch.engine.records import TRAINING_DATA
from hpsearch.engine.search.search_study import SearchStudy
from hpsearch.foundations.differences import list_changes
from hpsearch.foundations.errors import RefusedError

__all__ = ["check_training_data", "note_training_data"]


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
