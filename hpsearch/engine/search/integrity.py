"""Whether a study's record is as it was written: trials, attributes, and lines of a journal.

Checksums detect what was changed or lost by mistake, by a failing disk, or by another program.
They contain no secret, so they do not protect against somebody who changes them too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hpsearch.engine.records import RECORD_ID
from hpsearch.engine.search.holding import HOLDER
from hpsearch.engine.search.journal import StudyJournal
from hpsearch.engine.search.journal_checksums import Problem, check_lines
from hpsearch.engine.search.record_checksums import (
    RESULTS,
    RecordChecksums,
    checksum_trial,
    hash_history,
    note_digests,
    trial_entries,
)
from hpsearch.engine.search.search_study import SearchStudy
from hpsearch.engine.search.trial_attributes import has_retries
from hpsearch.foundations.hashing import hash_json

__all__ = ["check_record", "watch_record"]


def watch_record(
    search: SearchStudy, path: Path, history_of: Callable[[int], Path], *, session: str
) -> None:
    """Add checksums to the results that are recorded from now on.

    What has been recorded from another workspace in the meantime is accepted as it is.

    Parameters
    ----------
    search : SearchStudy
        Held by this process.
    path : Path
        The file of checksums.
    history_of : callable
        Returns the file of a trial's history, given its number.
    session : str
        Unique identifier of this run of the study; recorded by the caller afterwards.
    """
    checksums = _open_checksums(search, path)
    notes = search.optuna_study.user_attrs
    is_ours = _is_last_run_here(checksums.read(), notes)
    checksums.adopt(search.trials(), notes, history_of, is_ours=is_ours)
    checksums.begin_session(session)
    search.checksums = checksums


def check_record(
    search: SearchStudy, path: Path, history_of: Callable[[int], Path]
) -> list[Problem]:
    """Find what was changed or lost since it was recorded: one problem per trial.

    What has no checksum, such as all that was recorded from another workspace, is not checked.

    Parameters
    ----------
    search, path, history_of
        See `watch_record`; the study may be running in another process.
    """
    found: dict[int | None, Problem] = {}
    storage = search.optuna_study._storage
    lines = check_lines(storage.path) if isinstance(storage, StudyJournal) else iter(())
    for problem in (*_check_results(search, path, history_of), *lines):
        found.setdefault(problem.trial, problem)
    return sorted(found.values(), key=lambda one: -1 if one.trial is None else one.trial)


def _check_results(
    search: SearchStudy, path: Path, history_of: Callable[[int], Path]
) -> Iterator[Problem]:
    entries = _open_checksums(search, path).read()  # first, as a running study adds to both
    trials, notes = search.trials(), search.optuna_study.user_attrs
    is_ours = _is_last_run_here(entries, notes)
    for key in RESULTS if is_ours else ():
        digests = note_digests(entries, key)
        if digests and hash_json(notes.get(key)) not in digests:
            yield Problem(None, f"{key} changed in the record")
    # In a journal, losses are found by its lines, which also allow for one truncated by a crash.
    finds_losses = not isinstance(search.optuna_study._storage, StudyJournal)
    for number, entry in trial_entries(entries).items():
        if not is_ours and number < len(trials) and has_retries(trials[number].user_attrs):
            continue  # run again from another workspace
        if number >= len(trials):
            if finds_losses:
                yield Problem(number, "lost from the record")
        elif not trials[number].state.is_finished():
            if finds_losses:
                yield Problem(number, "its end lost from the record")
        elif checksum_trial(trials[number]) != entry["sha256"]:
            yield Problem(number, "changed in the record")
        else:
            yield from _check_history(number, history_of(number), entry["history_sha256"])


def _check_history(number: int, history: Path, expected: str | None) -> Iterator[Problem]:
    """Check a history file, unless the trial has no folder here: it ran in another workspace."""
    if expected is None or not history.parent.exists():
        return
    if (found := hash_history(history)) != expected:
        yield Problem(number, f"{history.name} {'changed' if found else 'lost'}")


def _is_last_run_here(entries: Iterable[dict[str, Any]], notes: Mapping[str, Any]) -> bool:
    """Whether nobody has run the study from another workspace since these checksums.

    A session is written here before it is recorded in the study, so after a crash in between the
    study has the one before.
    """
    sessions = [entry["session"] for entry in entries if "session" in entry]
    return (notes.get(HOLDER) or {}).get("session") in sessions[-2:]


def _open_checksums(search: SearchStudy, path: Path) -> RecordChecksums:
    return RecordChecksums(path, search.attribute(RECORD_ID) or "")
