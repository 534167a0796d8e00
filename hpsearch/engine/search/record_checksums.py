"""Checksums of finished trials and of study attributes that are results, in a file of their own.

The file is only appended to. A trial's checksum is written after the trial is recorded: a crash can
leave a trial without one, which the next run adds. An attribute's is written before the attribute,
whose value is replaced: either of the last two checksums may be its current one.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial

from hpsearch.engine.records import (
    CONFIRMATIONS,
    DATA,
    IDENTITY_FIELDS,
    REFITS,
    SELECTION,
    TEST_EVALUATIONS,
    TRAINING_DATA,
)
from hpsearch.engine.search.trial_attributes import has_retries
from hpsearch.foundations.files import refusing_links
from hpsearch.foundations.hashing import hash_json

__all__ = [
    "RESULTS",
    "RecordChecksums",
    "checksum_trial",
    "hash_history",
    "note_digests",
    "trial_entries",
]

Entry: TypeAlias = dict[str, Any]

# Study attributes that are results, or that identify what they are results of.
RESULTS = (IDENTITY_FIELDS, DATA, TRAINING_DATA, CONFIRMATIONS, REFITS, SELECTION, TEST_EVALUATIONS)


def checksum_trial(trial: FrozenTrial) -> str:
    """Hash a finished trial as stored, except for the times of its start and end.

    Equal in all storages, which store times with different precision, but numbers exactly.
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
        Identifies the record; checksums of an earlier study of the same name are ignored.
    """

    def __init__(self, path: Path, record_id: str) -> None:
        self._path = path
        self._head = {"record": record_id}
        self._is_begun = False

    def add_trial(self, trial: FrozenTrial, history: Path) -> None:
        """Add the checksum of a finished trial, with that of its history file."""
        entry = {"trial": trial.number, "sha256": checksum_trial(trial)}
        self._add(entry | {"history_sha256": hash_history(history)})

    def begin_session(self, session: str) -> None:
        """Begin the checksums of a session."""
        self._add({"session": session})

    def forget_trial(self, number: int) -> None:
        """Invalidate the checksum of a trial that is about to be run again."""
        self._add({"trial": number, "sha256": None})

    def add_note(self, key: str, value: Any) -> None:
        """Add the checksum of an attribute that is about to be written, if it is a result."""
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
        """Add checksums that the last run did not get to write.

        Parameters
        ----------
        trials : iterable of FrozenTrial
            All trials.
        notes : mapping
            All study attributes.
        history_of : callable
            Returns the file of a trial's history, given its number.
        is_ours : bool
            Whether the last run was from this workspace; if not, attributes may have changed, and
            failed trials may have been run again.
        """
        entries = self.read()
        known = trial_entries(entries)
        for trial in trials:
            is_again = not is_ours and has_retries(trial.user_attrs)
            if trial.state.is_finished() and (is_again or trial.number not in known):
                self.add_trial(trial, history_of(trial.number))
        for key in RESULTS:
            digests, value = note_digests(entries, key), notes.get(key)
            # The attribute may have its former value, if a crash prevented the last write.
            is_former = [hash_json(value)] == digests[:1] != digests[-1:]
            if not digests or is_former or (not is_ours and hash_json(value) not in digests):
                self.add_note(key, value)

    def read(self) -> list[Entry]:
        """Read all entries, oldest first; empty if the file belongs to another record."""
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
            # The newline ends a line that was truncated by a crash; empty lines are skipped.
            mode = "w" if content else "a"
            with open(self._path, mode, opener=refusing_links) as file:
                file.write(content or "\n")
            self._is_begun = True
        with open(self._path, "a", opener=refusing_links) as file:
            file.write(json.dumps(entry) + "\n")


def trial_entries(entries: Iterable[Entry]) -> dict[int, Entry]:
    """Return the last entry of each trial by number, if it is valid."""
    last = {entry["trial"]: entry for entry in entries if "trial" in entry}
    return {number: entry for number, entry in last.items() if entry["sha256"]}


def note_digests(entries: Iterable[Entry], key: str) -> list[str]:
    """Return the last two checksums of an attribute, or its only one."""
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
