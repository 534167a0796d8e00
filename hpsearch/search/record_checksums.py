"""A checksum of each finished trial, and of notes that are results, beside the record.

Kept in a file of the study's folder that is only ever added to. A trial's is written after the
trial is recorded: a crash leaves a trial without, which the next run adds. A note's is written
before the note, as notes are replaced: the last two of each are right.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial

from hpsearch.files import refusing_links
from hpsearch.hashing import hash_json
from hpsearch.records import (
    CONFIRMATIONS,
    DATA,
    MEANING,
    SELECTION,
    TEST_EVALUATIONS,
    TRAINING_DATA,
)
from hpsearch.search.reopening import RETRIES

__all__ = [
    "RESULTS",
    "RecordChecksums",
    "checksum_trial",
    "hash_history",
    "note_digests",
    "trial_entries",
]

Entry: TypeAlias = dict[str, Any]

# Notes that are results, or that say of what.
RESULTS = (MEANING, DATA, TRAINING_DATA, CONFIRMATIONS, SELECTION, TEST_EVALUATIONS)


def checksum_trial(trial: FrozenTrial) -> str:
    """Hash of all that a storage has of a finished trial, but the times of its start and end.

    Equal in all storages: those keep times in different precision, but numbers exactly.
    """
    return hash_json(
        [
            trial.number,
            trial.state.name,
            trial.values,
            trial.params,
            {name: distribution_to_json(one) for name, one in trial.distributions.items()},
            sorted(trial.intermediate_values.items()),
            trial.user_attrs,
            trial.system_attrs,
        ]
    )


class RecordChecksums:
    """The checksums of one record.

    Parameters
    ----------
    path : Path
        The file; need not exist.
    record_id : str
        Names the record; checksums of an earlier one of the same name do not count.
    """

    def __init__(self, path: Path, record_id: str) -> None:
        self._path = path
        self._head = {"record": record_id}
        self._is_begun = False

    def add_trial(self, trial: FrozenTrial, history: Path) -> None:
        """Add the checksum of a finished trial, and that of the file of its history."""
        entry = {"trial": trial.number, "sha256": checksum_trial(trial)}
        self._add(entry | {"history_sha256": hash_history(history)})

    def begin_session(self, session: str) -> None:
        """Name the session whose checksums follow."""
        self._add({"session": session})

    def forget_trial(self, number: int) -> None:
        """Let the checksum of a trial no longer hold: it is about to be run again."""
        self._add({"trial": number, "sha256": None})

    def add_note(self, key: str, value: Any) -> None:
        """Add the checksum of a note that is about to be written, if it is a result."""
        if key in RESULTS:
            self._add({"note": key, "sha256": hash_json(value)})

    def adopt(
        self,
        trials: Iterable[FrozenTrial],
        notes: Mapping[str, Any],
        history_of: Callable[[int], Path],
        *,
        is_ours: bool,
    ) -> None:
        """Add the checksums that the last run did not come to write.

        Parameters
        ----------
        trials : iterable of FrozenTrial
            All trials.
        notes : mapping
            All notes, as they are.
        history_of : callable
            The file of a trial's history, by its number.
        is_ours : bool
            Whether the last run was from this workspace; if not, notes may have changed, and
            failed trials been run again.
        """
        entries = self.read()
        known = trial_entries(entries)
        for trial in trials:
            is_again = not is_ours and RETRIES in trial.user_attrs
            if trial.state.is_finished() and (is_again or trial.number not in known):
                self.add_trial(trial, history_of(trial.number))
        for key in RESULTS:
            digests, value = note_digests(entries, key), notes.get(key)
            # A former one is right if a crash kept the last from being written.
            is_former = [hash_json(value)] == digests[:1] != digests[-1:]
            if not digests or is_former or (not is_ours and hash_json(value) not in digests):
                self.add_note(key, value)

    def read(self) -> list[Entry]:
        """All entries, oldest first; none if the file is another record's."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        entries = [entry for entry in map(_parse, lines) if entry]
        return entries[1:] if entries[:1] == [self._head] else []

    def _add(self, entry: Entry) -> None:
        if not self._is_begun:
            content = "" if self.read() else json.dumps(self._head) + "\n"
            # An empty line ends one that a crash has torn; nobody reads it.
            mode = "w" if content else "a"
            with open(self._path, mode, opener=refusing_links) as file:
                file.write(content or "\n")
            self._is_begun = True
        with open(self._path, "a", opener=refusing_links) as file:
            file.write(json.dumps(entry) + "\n")


def trial_entries(entries: Iterable[Entry]) -> dict[int, Entry]:
    """The last entry of each trial by number, if it still holds."""
    last = {entry["trial"]: entry for entry in entries if "trial" in entry}
    return {number: entry for number, entry in last.items() if entry["sha256"]}


def note_digests(entries: Iterable[Entry], key: str) -> list[str]:
    """The last two checksums of a note, or the one that there is."""
    return [entry["sha256"] for entry in entries if entry.get("note") == key][-2:]


def hash_history(path: Path) -> str | None:
    """Hash of a trial's history file; None if there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _parse(line: bytes) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
